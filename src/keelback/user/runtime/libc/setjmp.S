/* setjmp and longjmp: musl's files, which themselves pass no preprocessor, and where their callers' frames are. */
.cfi_sections .debug_frame
.cfi_startproc
#ifdef __x86_64__
#include "setjmp/x86_64/setjmp.s"
#else
#include "setjmp/i386/setjmp.s"
#endif
.size setjmp, . - setjmp
.cfi_endproc
.cfi_startproc
#ifdef __x86_64__
#include "setjmp/x86_64/longjmp.s"
#else
#include "setjmp/i386/longjmp.s"
#endif
.size longjmp, . - longjmp
.cfi_endproc
