/* toupper and tolower: zig's make 255 of EOF, which C wants to stay what it is. */
#include <ctype.h>

#undef tolower
#undef toupper

int tolower(int character)
{
    return character >= 'A' && character <= 'Z' ? character - 'A' + 'a' : character;
}

int toupper(int character)
{
    return character >= 'a' && character <= 'z' ? character - 'a' + 'A' : character;
}
