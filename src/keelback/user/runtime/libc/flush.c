/* fflush: what a file has in its buffer, and what there is of a line. */
#include "console.h"

static int flush_locked(FILE *file)
{
    if (file->wpos != file->wbase) {
        file->write(file, NULL, 0);
        if (file->wpos == NULL)
            return EOF;
    }
    if (file->rpos != file->rend)
        file->seek(file, file->rpos - file->rend, SEEK_CUR);
    file->wpos = file->wbase = file->wend = NULL;
    file->rpos = file->rend = NULL;
    return 0;
}

static int flush(FILE *file)
{
    int result;

    FLOCK(file);
    result = flush_locked(file);
    FUNLOCK(file);
    return result;
}

int fflush(FILE *file)
{
    int result = 0;

    if (file != NULL) {
        result = flush(file);
    } else {
        for (file = *__ofl_lock(); file != NULL; file = file->next)
            result |= flush(file);
        __ofl_unlock();
        result |= flush(stdout);
        file = stdout;
    }
    if (file == stdout)
        print_flush();
    return result;
}
