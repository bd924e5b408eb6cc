// Calls a stand-in (late.c): NVRTC needs no GPU to compile, and its arguments fill all registers.
#include <stdio.h>

int nvrtcCreateProgram(void **, const char *, const char *, int, const char *const *, const char *const *);
int nvrtcCompileProgram(void *, int, const char *const *);
int nvrtcGetPTXSize(void *, size_t *);

int main(void) {
    const char *header = "const int two = 2;", *name = "two.h";
    const char *source = "#include \"two.h\"\nextern \"C\" __global__ void twice(float *x) { *x *= two; }";
    void *program;
    size_t size = 0;
    if (nvrtcCreateProgram(&program, source, "twice.cu", 1, &header, &name) != 0) return 1;
    if (nvrtcCompileProgram(program, 0, NULL) != 0) return 1;
    return nvrtcGetPTXSize(program, &size) != 0 || size < 100;
}
