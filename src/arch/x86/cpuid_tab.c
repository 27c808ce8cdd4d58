/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * cpuid_tab: the CPU models as data [APM3 appendix E]. What a running guest sees beyond the table
 * (topology, OSXSAVE, sizes of enabled state) is filled in by cpuid.c.
 *
 * Family 15, model 107: the identity that other virtual machines have used for years, so that no
 * system looks for a chip's errata here.
 */
#include "arch/x86/model.h"

#define END \
    {       \
        .leaf = UINT32_MAX \
    }

/* Vendor "AuthenticAMD": ebx, edx, ecx. */
#define AMD_EBX 0x68747541
#define AMD_EDX 0x69746e65
#define AMD_ECX 0x444d4163

#define SIGNATURE 0x00060fb1 /* family 15, model 0x6b, stepping 1 */

/* Leaf 1 EDX: fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx
 * fxsr sse sse2 (ht is set with more than one vCPU). */
#define L1_EDX 0x078bfbff
/* Leaf 1 ECX, v2: sse3 ssse3 cx16 sse4.1 sse4.2 x2apic popcnt tsc-deadline hypervisor, and
 * pclmul aes rdrand xsave pcid that every v2 processor in use has. */
#define L1_ECX_V2 0xc7ba2203
#define L1_ECX_V3 0xf7fa3203 /* + fma movbe avx f16c */
/* Leaf 7 EBX: fsgsbase smep erms invpcid rdseed smap clflushopt sha; v3 adds bmi1 avx2 bmi2 adx. */
#define L7_EBX_V2 0x20940681
#define L7_EBX_V3 0x209c07a9
#define L7_ECX 0x00400004 /* umip rdpid */
/* 80000001h. ECX: lahf64 cr8legacy 3dnowprefetch; v3 adds lzcnt (abm). EDX: syscall nx mmxext
 * fxsr_opt pdpe1gb rdtscp lm and the leaf 1 copies. */
#define X1_ECX_V2 0x00000111
#define X1_ECX_V3 0x00000131
#define X1_EDX 0x2fd3fbff

/* base: v2 less what some KVM cannot give its guests. L1 EDX less vme, ECX less pcid and xsave; leaf 7 less invpcid
 * rdseed sha rdpid; 80000001h less 3dnowprefetch, vme, fxsr_opt. */
#define L1_EDX_BASE 0x078bfbfd
#define L1_ECX_BASE 0xc3b82203
#define L7_EBX_BASE 0x00900281
#define L7_ECX_BASE 0x00000004
#define X1_ECX_BASE 0x00000011
#define X1_EDX_BASE 0x2dd3fbfd

#define COMMON_LEAVES                                                                       \
    {0x80000002, 0, 0x64617551, 0x69766972, 0x76206d75, 0x75747269}, /* "Quadrivium virtual */ \
        {0x80000003, 0, 0x70206c61, 0x65636f72, 0x726f7373, 0},      /* processor" */         \
        {0x80000004, 0, 0, 0, 0, 0},                                                        \
        {0x00000006, 0, 0x00000004, 0, 0, 0}, /* the APIC timer runs in every C-state */    \
        {0x80000005, 0, 0x01ff01ff, 0x01ff01ff, 0x40020140, 0x40020140},                    \
        {0x80000006, 0, 0, 0x42004200, 0x02008140, 0x00808140},                             \
        {0x80000007, 0, 0, 0, 0, 0x00000100}, /* invariant TSC */                           \
        {0x80000008, 0, 0x00003028, 0, 0, 0}

static const struct x86_leaf leaves_base[] = {
    {0x00000000, 0, 0x0000000b, AMD_EBX, AMD_ECX, AMD_EDX},
    {0x00000001, 0, SIGNATURE, 0x00000800, L1_ECX_BASE, L1_EDX_BASE},
    {0x00000007, 0, 0, L7_EBX_BASE, L7_ECX_BASE, 0},
    {0x80000000, 0, 0x80000008, AMD_EBX, AMD_ECX, AMD_EDX},
    {0x80000001, 0, SIGNATURE, 0, X1_ECX_BASE, X1_EDX_BASE},
    COMMON_LEAVES,
    END,
};

static const struct x86_leaf leaves_v2[] = {
    {0x00000000, 0, 0x0000000d, AMD_EBX, AMD_ECX, AMD_EDX},
    {0x00000001, 0, SIGNATURE, 0x00000800, L1_ECX_V2, L1_EDX},
    {0x00000007, 0, 0, L7_EBX_V2, L7_ECX, 0},
    {0x80000000, 0, 0x80000008, AMD_EBX, AMD_ECX, AMD_EDX},
    {0x80000001, 0, SIGNATURE, 0, X1_ECX_V2, X1_EDX},
    COMMON_LEAVES,
    END,
};

static const struct x86_leaf leaves_v3[] = {
    {0x00000000, 0, 0x0000000d, AMD_EBX, AMD_ECX, AMD_EDX},
    {0x00000001, 0, SIGNATURE, 0x00000800, L1_ECX_V3, L1_EDX},
    {0x00000007, 0, 0, L7_EBX_V3, L7_ECX, 0},
    {0x80000000, 0, 0x80000008, AMD_EBX, AMD_ECX, AMD_EDX},
    {0x80000001, 0, SIGNATURE, 0, X1_ECX_V3, X1_EDX},
    COMMON_LEAVES,
    END,
};

static const struct x86_model model_base = {
    .name = "base",
    .version = "base-1",
    .help = "what every KVM can give: x86-64-v2 without XSAVE, PCID, SHA, RDSEED",
    .leaves = leaves_base,
    .pa_bits = 40,
};

static const struct x86_model model_v2 = {
    .name = "v2",
    .version = "v2-1",
    .help = "x86-64-v2: SSE4.2, POPCNT, CMPXCHG16B, AES, PCLMUL, XSAVE",
    .leaves = leaves_v2,
    .pa_bits = 40,
    .xcr0 = 3,
    .xsave = X86_XSAVEOPT | X86_XSAVEC | X86_XGETBV1 | X86_XSAVES,
};

static const struct x86_model model_v3 = {
    .name = "v3",
    .version = "v3-1",
    .help = "x86-64-v3: v2 and AVX2, BMI1/2, FMA, F16C, LZCNT, MOVBE",
    .leaves = leaves_v3,
    .pa_bits = 40,
    .xcr0 = 7,
    .xsave = X86_XSAVEOPT | X86_XSAVEC | X86_XGETBV1 | X86_XSAVES,
};

const struct x86_model *const x86_models[] = {&model_base, &model_v2, &model_v3, NULL};
