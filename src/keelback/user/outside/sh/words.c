/* What a line says that is typed to the shell. */
#include "words.h"

#include <string.h>

#define TOO_LONG "a word is too long"
#define TOO_MANY "the words are too many"

static const char signs[] = "|&;<>";

static int ends_word(char character)
{
    return character == 0 || character == ' ' || character == '\t' || strchr(signs, character) != NULL;
}

static const char *skip_blanks(const char *place)
{
    while (*place == ' ' || *place == '\t')
        place++;
    return *place == '#' ? place + strlen(place) : place;
}

/* A word that is being read. */
struct word {
    char text[LONGEST_ARGUMENT + 1];
    size_t length; /* more than there is room for: it is too long */
};

static void add(struct word *word, char character)
{
    if (word->length < LONGEST_ARGUMENT)
        word->text[word->length] = character;
    word->length++;
}

static void add_number(struct word *word, int number)
{
    unsigned rest = number < 0 ? 0 - (unsigned)number : (unsigned)number, place = 1;

    if (number < 0)
        add(word, '-');
    while (rest / place >= 10)
        place *= 10;
    for (; place > 0; place /= 10)
        add(word, (char)('0' + rest / place % 10));
}

/* Add what is between two quotes to a word; return the place of the second, or NULL. */
static const char *add_quoted(struct word *word, const char *place, char quote, int status)
{
    for (; *place != quote; place++) {
        if (*place == 0)
            return NULL;
        if (quote == '"' && place[0] == '$' && place[1] == '?') {
            add_number(word, status);
            place++;
        } else {
            add(word, *place);
        }
    }
    return place;
}

/* Read the word at a place, and move that behind it. */
static const char *read_word(const char **place, int status, struct word *word)
{
    const char *at = *place;

    word->length = 0;
    for (; !ends_word(*at); at++) {
        if (*at == '\'' || *at == '"') {
            at = add_quoted(word, at + 1, *at, status);
            if (at == NULL)
                return "a quote is not closed";
        } else if (at[0] == '$' && at[1] == '?') {
            add_number(word, status);
            at++;
        } else {
            at += at[0] == '\\' && at[1] != 0;
            add(word, *at);
        }
    }
    if (word->length > LONGEST_ARGUMENT)
        return TOO_LONG;
    word->text[word->length] = 0;
    *place = at;
    return NULL;
}

/* Read the name of a program or file. */
static const char *read_name(const char **place, int status, char name[LONGEST_NAME + 1], const char *missing)
{
    struct word word;
    const char *wrong = read_word(place, status, &word);

    if (wrong != NULL)
        return wrong;
    if (word.length == 0)
        return missing;
    if (word.length > LONGEST_NAME)
        return "a name has more than 31 characters";
    strcpy(name, word.text);
    return NULL;
}

/* Add a word to an argument, in quotes where a program would take it for another. */
static const char *add_to_argument(char argument[LONGEST_ARGUMENT + 1], const struct word *word)
{
    size_t length = strlen(argument);
    const char *quote = word->length == 0 || strpbrk(word->text, " \t\"") != NULL ? "'" : "";

    if (strchr(word->text, '\'') != NULL)
        quote = "\"";
    if (*quote == '"' && strchr(word->text, '"') != NULL)
        return "a word has both quotes in it";
    if (length + word->length + 3 > LONGEST_ARGUMENT)
        return TOO_MANY;
    if (length > 0)
        strcat(argument, " ");
    strcat(strcat(strcat(argument, quote), word->text), quote);
    return NULL;
}

/* Read `< file`, `> file` or `>> file`. */
static const char *read_file_of(const char **place, int status, struct command *command)
{
    int is_input = **place == '<', adds = !is_input && (*place)[1] == '>';

    *place = skip_blanks(*place + 1 + adds);
    if (!is_input)
        command->adds = adds;
    return read_name(place, status, is_input ? command->input : command->output, "a file has no name");
}

/* Read a command, up to the sign that ends it. */
static const char *read_command(const char **place, int status, struct command *command)
{
    const char *wrong = NULL;
    struct word word;

    memset(command, 0, sizeof *command);
    for (; wrong == NULL; *place = skip_blanks(*place)) {
        if (**place == '<' || **place == '>') {
            wrong = read_file_of(place, status, command);
        } else if (ends_word(**place)) {
            return NULL;
        } else if (command->name[0] == 0) {
            wrong = read_name(place, status, command->name, "a program has no name");
        } else {
            wrong = read_word(place, status, &word);
            if (wrong == NULL)
                wrong = add_to_argument(command->argument, &word);
        }
    }
    return wrong;
}

static int is_empty(const struct command *command)
{
    return command->name[0] == 0 && command->input[0] == 0 && command->output[0] == 0;
}

const char *read_job(const char **place, int status, struct job *job)
{
    const char *wrong;
    char sign = '|';

    for (job->count = 0; sign == '|'; job->count++) {
        if (job->count == MOST_COMMANDS)
            return "more than 8 programs in a row";
        *place = skip_blanks(*place);
        wrong = read_command(place, status, &job->commands[job->count]);
        if (wrong != NULL)
            return wrong;
        sign = **place;
        *place += sign != 0;
        if (job->commands[job->count].name[0] != 0)
            continue;
        if (job->count > 0 || sign == '|' || sign == '&' || !is_empty(&job->commands[0]))
            return "a program is missing";
        job->in_background = 0;
        return NULL;
    }
    job->in_background = sign == '&';
    return NULL;
}
