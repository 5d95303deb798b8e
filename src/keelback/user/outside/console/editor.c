/* A line that somebody types and edits. */
#include "editor.h"

#include <string.h>

#include "keys.h"

/* The terminal. */

static void put(struct editor *editor, char character)
{
    editor->output[editor->output_count++] = character;
}

static void put_shown(struct editor *editor, char character)
{
    put(editor, character);
    editor->shown[editor->shown_at++] = character;
}

/* Move the terminal's cursor to a column of what is shown. */
static void move_cursor(struct editor *editor, size_t column)
{
    while (editor->shown_at > column) {
        put(editor, '\b');
        editor->shown_at--;
    }
    while (editor->shown_at < column)
        put_shown(editor, editor->shown[editor->shown_at]);
}

/* Choose which part of the line is shown: one that the cursor is in. Return how long it is. */
static size_t choose_part(struct editor *editor)
{
    size_t rest;

    if (editor->at < editor->first)
        editor->first = editor->at;
    if (editor->at > editor->first + editor->room)
        editor->first = editor->at - editor->room;
    rest = editor->length - editor->first;
    return rest < editor->room ? rest : editor->room;
}

/* Return how a byte of the line is shown. */
static char shown_as(char byte)
{
    return ' ' <= byte && byte < KEY_BACKSPACE ? byte : '?';
}

/* Show the line as it is now. */
static void show(struct editor *editor)
{
    size_t length = choose_part(editor), before = editor->shown_length, same = 0;
    const char *part = editor->text + editor->first;

    while (same < length && same < before && editor->shown[same] == shown_as(part[same]))
        same++;
    if (same < length || same < before) {
        move_cursor(editor, same);
        while (editor->shown_at < length)
            put_shown(editor, shown_as(part[editor->shown_at]));
        while (editor->shown_at < before)
            put_shown(editor, ' ');
        editor->shown_length = length;
    }
    move_cursor(editor, editor->at - editor->first);
}

/* Say what ends a line, behind it. */
static void end_shown(struct editor *editor, const char *text)
{
    move_cursor(editor, editor->shown_length);
    while (*text != 0)
        put(editor, *text++);
}

/* The line. */

static void insert(struct editor *editor, char character)
{
    char *place = editor->text + editor->at;

    if (editor->length == LONGEST_TYPED) {
        editor->is_cut = 1;
        put(editor, '\a');
        return;
    }
    memmove(place + 1, place, editor->length + 1 - editor->at);
    *place = character;
    editor->length++;
    editor->at++;
}

/* Take the characters out from one to another; the cursor is where they were then. */
static void cut(struct editor *editor, size_t from, size_t to)
{
    memmove(editor->text + from, editor->text + to, editor->length + 1 - to);
    editor->length -= to - from;
    editor->at = from;
    editor->is_cut &= editor->length > 0;
}

/* Return where the character before a place begins, or where that at a place ends; UTF-8's have several bytes. */
static size_t start_before(const struct editor *editor, size_t at)
{
    at -= at > 0;
    while (at > 0 && (editor->text[at] & 0xC0) == 0x80)
        at--;
    return at;
}

static size_t end_behind(const struct editor *editor, size_t at)
{
    at += at < editor->length;
    while (at < editor->length && (editor->text[at] & 0xC0) == 0x80)
        at++;
    return at;
}

static size_t start_of_word(const struct editor *editor)
{
    size_t at = editor->at;

    while (at > 0 && editor->text[at - 1] == ' ')
        at--;
    while (at > 0 && editor->text[at - 1] != ' ')
        at--;
    return at;
}

/* Show an earlier line, by how many lines ago it was entered; 0: what was typed last. */
static void browse(struct editor *editor, size_t which)
{
    if (which > editor->kept_count)
        return;
    if (editor->browsed == 0)
        memcpy(editor->draft, editor->text, sizeof editor->draft);
    editor->browsed = which;
    strcpy(editor->text, which == 0 ? editor->draft : editor->kept[which - 1]);
    editor->length = editor->at = strlen(editor->text);
    editor->is_cut = 0;
}

/* Do what a key says that changes the line or moves in it. */
static void edit(struct editor *editor, int key)
{
    size_t at = editor->at, length = editor->length;

    switch (key) {
    case KEY_LEFT: case CONTROL('B'): editor->at = start_before(editor, at); break;
    case KEY_RIGHT: case CONTROL('F'): editor->at = end_behind(editor, at); break;
    case KEY_HOME: case CONTROL('A'): editor->at = 0; break;
    case KEY_END: case CONTROL('E'): editor->at = length; break;
    case KEY_BACKSPACE: case CONTROL('H'): cut(editor, start_before(editor, at), at); break;
    case KEY_DELETE: case CONTROL('D'): cut(editor, at, end_behind(editor, at)); break;
    case CONTROL('U'): cut(editor, 0, at); break;
    case CONTROL('K'): cut(editor, at, length); break;
    case CONTROL('W'): cut(editor, start_of_word(editor), at); break;
    case KEY_UP: case CONTROL('P'): browse(editor, editor->browsed + 1); break;
    case KEY_DOWN: case CONTROL('N'): if (editor->browsed > 0) browse(editor, editor->browsed - 1); break;
    default: if (key >= ' ' && key < KEY_UP && key != KEY_BACKSPACE) insert(editor, (char)key);
    }
}

static void put_prompt(struct editor *editor)
{
    for (size_t i = 0; i < editor->prompt_length; i++)
        put(editor, editor->prompt[i]);
}

void begin_line(struct editor *editor, const char *prompt, size_t length)
{
    editor->prompt_length = length < LONGEST_PROMPT ? length : LONGEST_PROMPT;
    editor->room = EDITOR_COLUMNS - editor->prompt_length;
    memcpy(editor->prompt, prompt, editor->prompt_length);
    begin_again(editor);
}

void begin_again(struct editor *editor)
{
    editor->length = editor->at = editor->first = editor->shown_length = editor->shown_at = editor->browsed = 0;
    editor->text[0] = 0;
    editor->is_hidden = editor->is_cut = 0;
    put_prompt(editor);
}

void hide_line(struct editor *editor)
{
    if (!editor->is_hidden && editor->prompt_length + editor->shown_length > 0) {
        put(editor, '\r');
        put(editor, '\033');
        put(editor, '[');
        put(editor, 'K'); /* ECMA-48, 8.3.41: erase to the end of the row */
    }
    editor->is_hidden = 1;
}

void show_hidden_line(struct editor *editor)
{
    size_t column = editor->shown_at;

    editor->is_hidden = 0;
    put_prompt(editor);
    editor->shown_at = 0;
    move_cursor(editor, editor->shown_length);
    move_cursor(editor, column);
}

enum edited take_key(struct editor *editor, int key)
{
    if (key == '\r' || key == '\n') {
        end_shown(editor, "\n");
        return editor->is_cut ? TOO_LONG : ENTERED;
    }
    if (key == CONTROL('C')) {
        end_shown(editor, "^C\n");
        return INTERRUPTED;
    }
    if (key == CONTROL('D') && editor->length == 0) {
        end_shown(editor, editor->room < EDITOR_COLUMNS ? "\n" : ""); /* without a prompt the row is empty */
        return ENDED;
    }
    edit(editor, key);
    show(editor);
    return EDITING;
}

void keep_line(struct editor *editor)
{
    size_t count = editor->kept_count < LINES_KEPT ? editor->kept_count : LINES_KEPT - 1;

    if (editor->length == 0 || (editor->kept_count > 0 && strcmp(editor->text, editor->kept[0]) == 0))
        return;
    memmove(editor->kept[1], editor->kept[0], count * sizeof editor->kept[0]);
    memcpy(editor->kept[0], editor->text, sizeof editor->text);
    editor->kept_count = count + 1;
}
