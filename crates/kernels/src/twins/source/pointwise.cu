// Pointwise functions by their number in `Activation::number`, and what linear layers add before them.

__device__ real sigmoid(real z) { return (real)0.5 * (tanh((real)0.5 * z) + (real)1); }

__device__ real normal_cdf(real z) { return (real)0.5 * ((real)1 + erf(z * (real)0.70710678118654752)); }

__device__ real sigma(count kind, real z)
{
    switch (kind) {
    case 1: return z * sigmoid(z);
    case 2: return (real)1.0507009873554805 * (z > (real)0 ? z : (real)1.6732632423543772 * expm1(z));
    case 3: return z * normal_cdf(z);
    case 4: {
        real inner = (real)0.79788456080286536 * z * ((real)1 + (real)0.044715 * z * z);
        return (real)0.5 * z * ((real)1 + tanh(inner));
    }
    case 5: return tanh(z);
    case 6: return sigmoid(z);
    case 7: return (z > (real)0 ? z : (real)0) + log1p(exp(z > (real)0 ? -z : z));
    default: return z;
    }
}

__device__ real slope(count kind, real z)
{
    switch (kind) {
    case 1: {
        real s = sigmoid(z);
        return s + z * s * ((real)1 - s);
    }
    case 2: return (real)1.0507009873554805 * (z > (real)0 ? (real)1 : (real)1.6732632423543772 * exp(z));
    case 3: return normal_cdf(z) + z * (real)0.39894228040143268 * exp((real)-0.5 * z * z);
    case 4: {
        real root = (real)0.79788456080286536;
        real t = tanh(root * z * ((real)1 + (real)0.044715 * z * z));
        real inner = root * ((real)1 + (real)0.134145 * z * z);
        return (real)0.5 * ((real)1 + t) + (real)0.5 * z * ((real)1 - t * t) * inner;
    }
    case 5: {
        real t = tanh(z);
        return (real)1 - t * t;
    }
    case 6: {
        real s = sigmoid(z);
        return s * ((real)1 - s);
    }
    case 7: return sigmoid(z);
    default: return (real)1;
    }
}

// y = σ(x)
KERNEL activation_value(const real *x, real *y, count n, count kind)
{
    count i = thread_of_all();
    if (i < n) y[i] = sigma(kind, x[i]);
}

// y = σ'(x)
KERNEL activation_slope(const real *x, real *y, count n, count kind)
{
    count i = thread_of_all();
    if (i < n) y[i] = slope(kind, x[i]);
}

// y = v σ'(x): the adjoint, and with a tangent v the tangent.
KERNEL activation_times(const real *x, const real *v, real *y, count n, count kind)
{
    count i = thread_of_all();
    if (i < n) y[i] = v[i] * slope(kind, x[i]);
}

// y = σ(z + b), where `inner` neighbours have the same of the `width` biases.
KERNEL biased_value(
    const real *z, const real *b, real *y, count n, count width, count inner, count kind)
{
    count i = thread_of_all();
    if (i < n) y[i] = sigma(kind, z[i] + b[i / inner % width]);
}

// y = v σ'(z + b) of rows z.
KERNEL biased_times(const real *z, const real *b, const real *v, real *y, count n, count width, count kind)
{
    count i = thread_of_all();
    if (i < n) y[i] = v[i] * slope(kind, z[i] + b[i % width]);
}
