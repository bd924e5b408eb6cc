// Patches of images: what a convolution's product is of.

// p[b, (c, i, j), (u, v)] = x[b, c, u stride + i − padding, v stride + j − padding], 0 outside the image.
KERNEL patches(
    const real *x, real *p, count all, count height, count width,
    count kernel_height, count kernel_width, count high, count wide, count stride, count padding)
{
    count at = thread_of_all();
    if (at >= all) return;
    count v = at % wide, u = at / wide % high, rest = at / (wide * high);
    count j = rest % kernel_width, i = rest / kernel_width % kernel_height;
    count channel = rest / (kernel_width * kernel_height); // of all samples
    // What lies before the image is a number far behind it.
    count row = u * stride + i - padding, column = v * stride + j - padding;
    bool inside = row < height && column < width;
    p[at] = inside ? x[(channel * height + row) * width + column] : (real)0;
}

// The adjoint: each pixel gathers from the patches that it is in.
KERNEL patches_adjoint(
    const real *g, real *dx, count all, count height, count width,
    count kernel_height, count kernel_width, count high, count wide, count stride, count padding)
{
    count at = thread_of_all();
    if (at >= all) return;
    count column = at % width, row = at / width % height, channel = at / (width * height);
    real sum = 0;
    for (count i = 0; i < kernel_height; ++i) {
        count above = row + padding - i, u = above / stride;
        if (row + padding < i || above % stride != 0 || u >= high) continue;
        for (count j = 0; j < kernel_width; ++j) {
            count before = column + padding - j, v = before / stride;
            if (column + padding < j || before % stride != 0 || v >= wide) continue;
            count patch = (channel * kernel_height + i) * kernel_width + j;
            sum += g[(patch * high + u) * wide + v];
        }
    }
    dx[at] = sum;
}
