// Stands in for a shared library until one of its functions is first called.
//
// A program linked against libcuda itself does not start where there is no NVIDIA driver. Linked
// against this instead, it starts anywhere, and looks for the library when a GPU is asked for.
// Every function of the library is here a jump through a slot; the slot first leads to a search for
// the function, which then takes its place.
//
// Compiled once for each library, with
//   LIBRARY   its name for the loader, such as "libcublas.so.13",
//   COMPANION another one, or "", that it asks the loader for later and that lies beside it,
//   ADVICE    what to do where it is missing,
//   FOLDER    where it lay when the program was built, or "",
//   NAMES     a header with a line NAME(function) for each of its functions.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef __x86_64__
#error "the jumps below are written for x86-64"
#endif

struct slot {
    void *target;
    const char *name;
};

static void *open_named(const char *folder, const char *below, const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s%s/%s", folder, below, name);
    return dlopen(path, RTLD_NOW | RTLD_GLOBAL);
}

static void *open_in(const char *folder, const char *below) {
    if (folder == NULL || *folder == '\0') return NULL;
    void *handle = open_named(folder, below, LIBRARY);
    if (handle && *COMPANION) open_named(folder, below, COMPANION);
    return handle;
}

static void refuse(const char *what, const char *why) {
    fprintf(stderr, "error: --device cuda: %s (%s); %s\n", what, why, ADVICE);
    _exit(2);
}

// Where the loader looks, then the toolkit of this machine, then that of the build.
static void *library(void) {
    char why[1024] = "";
    void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_GLOBAL);
    // The loader's text lasts until it is asked again.
    if (!handle) snprintf(why, sizeof why, "%s", dlerror());
    if (!handle) handle = open_in(getenv("CUDA_HOME"), "/lib64");
    if (!handle) handle = open_in(getenv("CUDA_HOME"), "/lib");
    if (!handle) handle = open_in(FOLDER, "");
    if (!handle) refuse(LIBRARY " cannot be loaded", why);
    return handle;
}

// Threads may both come here: they find and store the same address.
__attribute__((used)) static void *resolve(struct slot *slot) {
    void *found = dlsym(library(), slot->name);
    if (!found) refuse(LIBRARY " is too old for this program", slot->name);
    __atomic_store_n(&slot->target, found, __ATOMIC_RELEASE);
    return found;
}

// r11 holds the slot. What the caller passed in registers is kept. The stack is at a multiple of 16
// bytes when `resolve` is called: 8 for the return address, 56 and 128 for registers.
asm(".text\n"
    "late_resolve:\n"
    "  push %rax\n push %rdi\n push %rsi\n push %rdx\n push %rcx\n push %r8\n push %r9\n"
    "  sub $128, %rsp\n"
    "  movups %xmm0, (%rsp)\n   movups %xmm1, 16(%rsp)\n  movups %xmm2, 32(%rsp)\n"
    "  movups %xmm3, 48(%rsp)\n movups %xmm4, 64(%rsp)\n  movups %xmm5, 80(%rsp)\n"
    "  movups %xmm6, 96(%rsp)\n movups %xmm7, 112(%rsp)\n"
    "  mov %r11, %rdi\n"
    "  call resolve\n"
    "  mov %rax, %r11\n"
    "  movups (%rsp), %xmm0\n   movups 16(%rsp), %xmm1\n  movups 32(%rsp), %xmm2\n"
    "  movups 48(%rsp), %xmm3\n movups 64(%rsp), %xmm4\n  movups 80(%rsp), %xmm5\n"
    "  movups 96(%rsp), %xmm6\n movups 112(%rsp), %xmm7\n"
    "  add $128, %rsp\n"
    "  pop %r9\n pop %r8\n pop %rcx\n pop %rdx\n pop %rsi\n pop %rdi\n pop %rax\n"
    "  jmp *%r11\n");

#define NAME(function)                                                              \
    extern char late_first_##function[] __attribute__((visibility("hidden")));      \
    __attribute__((used, visibility("hidden"))) struct slot late_slot_##function = { \
        late_first_##function, #function};                                          \
    asm(".text\n"                                                                   \
        ".globl " #function "\n"                                                    \
        ".type " #function ", @function\n" #function ":\n"                          \
        "  jmp *late_slot_" #function "(%rip)\n"                                    \
        ".globl late_first_" #function "\n"                                         \
        ".hidden late_first_" #function "\n"                                        \
        "late_first_" #function ":\n"                                               \
        "  lea late_slot_" #function "(%rip), %r11\n"                               \
        "  jmp late_resolve\n");
#include NAMES
