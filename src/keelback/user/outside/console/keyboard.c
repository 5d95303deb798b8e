/*
 * What a keyboard sends for its keys: scan codes of set 1. A key sends its code when it goes down, and the same with
 * bit 7 when it goes up; 0xe0 in front says that it is one of those that were added later.
 *
 * Source: IBM PS/2 technical reference, keyboard (scan code set 1).
 */
#include "keys.h"

enum {
    UP = 0x80,
    EXTENDED = 0xE0,
    PAUSE = 0xE1, /* two bytes follow, when it goes down and when it goes up */
    LEFT_SHIFT = 0x2A,
    RIGHT_SHIFT = 0x36,
    CONTROL_KEY = 0x1D,
    CAPITALS = 0x3A,
    ENTER = 0x1C,
    SLASH = 0x35,
};

/* The keys by their codes; a blank stands for one that is no character. */
static const char plain[] = "\0\0331234567890-=\177\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char shifted[] = "\0\033!@#$%^&*()_+\177\tQWERTYUIOP{}\r\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";

/* Return the key of a code from 0x47 on: those of the keypad, and the same by themselves. */
static int pad_key(unsigned char code)
{
    static const short keys[] = {
        KEY_HOME, KEY_UP, KEY_OTHER, '-', KEY_LEFT, KEY_OTHER, KEY_RIGHT, '+', KEY_END, KEY_DOWN, KEY_OTHER,
        KEY_OTHER, KEY_DELETE,
    };

    return code >= 0x47 && code < 0x47 + sizeof keys / sizeof *keys ? keys[code - 0x47] : KEY_OTHER;
}

static int is_letter(char character)
{
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z');
}

/* Return the key of a code that is not extended. */
static int plain_key(const struct keyboard *keyboard, unsigned char code)
{
    char character;

    if (code >= sizeof plain - 1)
        return pad_key(code);
    character = plain[code];
    if (keyboard->controls)
        return is_letter(character) || (character >= '[' && character <= ']') ? CONTROL(character) : KEY_OTHER;
    if ((keyboard->shifts != 0) != (keyboard->has_capitals && is_letter(character)))
        character = shifted[code];
    return character != 0 ? character : KEY_OTHER;
}

/* Note that a key which changes what others mean went down or up; say whether the key is one. */
static int shift(struct keyboard *keyboard, unsigned char code, int is_extended, int is_up)
{
    unsigned char *held, bit;

    if (code == CAPITALS) {
        keyboard->has_capitals ^= !is_up;
        return 1;
    }
    if (code != CONTROL_KEY && code != LEFT_SHIFT && code != RIGHT_SHIFT)
        return 0;
    if (is_extended && code != CONTROL_KEY)
        return 1; /* a shift that nobody pressed: it tells old programs which key follows */
    held = code == CONTROL_KEY ? &keyboard->controls : &keyboard->shifts;
    bit = is_extended || code == RIGHT_SHIFT ? 2 : 1;
    *held = is_up ? *held & ~bit : *held | bit;
    return 1;
}

int keyboard_key(struct keyboard *keyboard, unsigned char code)
{
    int is_extended = keyboard->is_extended, is_up = code >= UP;

    if (keyboard->skipped > 0) {
        keyboard->skipped--;
        return NO_KEY;
    }
    keyboard->is_extended = code == EXTENDED;
    if (code == PAUSE)
        keyboard->skipped = 2;
    if (code == EXTENDED || code == PAUSE)
        return NO_KEY;
    code &= UP - 1;
    if (shift(keyboard, code, is_extended, is_up) || is_up)
        return NO_KEY;
    if (is_extended && code != ENTER && code != SLASH)
        return pad_key(code);
    return plain_key(keyboard, code);
}
