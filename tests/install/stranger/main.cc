// SPDX-License-Identifier: Apache-2.0
// main.cc -- main.c in C++, where the header is the same.
#include "main.c"
