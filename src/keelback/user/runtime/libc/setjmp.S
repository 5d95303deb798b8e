/* setjmp and longjmp: musl's files, which themselves pass no preprocessor. */
#ifdef __x86_64__
#include "setjmp/x86_64/setjmp.s"
#include "setjmp/x86_64/longjmp.s"
#else
#include "setjmp/i386/setjmp.s"
#include "setjmp/i386/longjmp.s"
#endif
