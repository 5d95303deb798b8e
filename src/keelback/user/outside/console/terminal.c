/*
 * What a terminal sends for its keys: bytes, and for some keys `ESC [ letter`, `ESC O letter` or `ESC [ number ~`.
 *
 * Sources: ECMA-48, 5.4; xterm's control sequences, PC-style function keys.
 */
#include "keys.h"

static int key_of_letter(unsigned char letter)
{
    switch (letter) {
    case 'A': return KEY_UP;
    case 'B': return KEY_DOWN;
    case 'C': return KEY_RIGHT;
    case 'D': return KEY_LEFT;
    case 'H': return KEY_HOME;
    case 'F': return KEY_END;
    default: return KEY_OTHER;
    }
}

static int key_of_number(unsigned number)
{
    switch (number) {
    case 1: case 7: return KEY_HOME;
    case 4: case 8: return KEY_END;
    case 3: return KEY_DELETE;
    default: return KEY_OTHER;
    }
}

/* Take a byte behind `ESC [`; a byte that no sequence has ends it. */
static int take_in_sequence(struct terminal *terminal, unsigned char byte)
{
    if (byte >= '0' && byte <= '9' && terminal->number < 1000) {
        terminal->number = terminal->number * 10 + byte - '0';
        return NO_KEY;
    }
    if (byte >= ' ' && byte < '@')
        return NO_KEY;
    terminal->stage = PLAIN;
    return byte == '~' ? key_of_number(terminal->number) : key_of_letter(byte);
}

int terminal_key(struct terminal *terminal, unsigned char byte)
{
    if (byte == 0x1B) {
        terminal->stage = ESCAPED;
        return NO_KEY;
    }
    if (terminal->stage == IN_SEQUENCE && byte >= ' ')
        return take_in_sequence(terminal, byte);
    if (terminal->stage == ESCAPED && (byte == '[' || byte == 'O')) {
        terminal->stage = IN_SEQUENCE;
        terminal->number = 0;
        return NO_KEY;
    }
    terminal->stage = PLAIN;
    return byte;
}
