/*
 * A line that somebody types and edits: keys come in, and what the terminal is to show goes out.
 *
 *     prompt  shown: so much of the line as there is room for
 *     $ echo hello world, which goes o|
 *             ^first                  ^at
 *
 * What is shown is changed from the first place where it differs, with backspaces to go left: every terminal has those.
 * A byte of a character that is not of ASCII is taken, and shown as `?`: what columns it takes nobody knows here.
 */
#pragma once

#include <stddef.h>

enum {
    LONGEST_TYPED = 1023, /* bytes of a line */
    LINES_KEPT = 16,
    EDITOR_COLUMNS = 79, /* the last one stays free: a terminal may go on in the next row there */
    LONGEST_PROMPT = 40,
};

/* What becomes of a line with a key. */
enum edited {
    EDITING, /* it goes on */
    ENTERED,
    ENDED, /* nothing more is to come: control-D where there is nothing */
    INTERRUPTED, /* control-C */
    TOO_LONG, /* entered, but more was typed than a line takes */
};

struct editor {
    char text[LONGEST_TYPED + 1]; /* the line, and a zero */
    size_t length;
    int is_cut; /* more was typed */
    size_t at; /* where the next character goes */
    size_t first; /* the first character that is shown */
    char prompt[LONGEST_PROMPT];
    size_t prompt_length;
    size_t room; /* columns behind the prompt */
    char shown[EDITOR_COLUMNS];
    size_t shown_length;
    size_t shown_at; /* where the terminal's cursor is, behind the prompt */
    int is_hidden; /* prompt and line are not shown: the row is another's */
    char kept[LINES_KEPT][LONGEST_TYPED + 1]; /* earlier lines, the newest first */
    size_t kept_count;
    size_t browsed; /* which of them is shown, from 1 on; 0: what is typed now */
    char draft[LONGEST_TYPED + 1]; /* what is typed now, while another is shown */
    char output[512]; /* what the terminal is to show, and is taken from here */
    size_t output_count;
};

/* Begin a line behind a prompt, which is shown and has at most `LONGEST_PROMPT` bytes. */
void begin_line(struct editor *editor, const char *prompt, size_t length);

/* Begin a line behind the same prompt. */
void begin_again(struct editor *editor);

/* Take prompt and line from the terminal, so that others can write there, and show them again in a new row. */
void hide_line(struct editor *editor);
void show_hidden_line(struct editor *editor);

/* Take a key, as `keys.h` has them. */
enum edited take_key(struct editor *editor, int key);

/* Keep the line among the earlier ones, unless it is empty or the last of them. */
void keep_line(struct editor *editor);
