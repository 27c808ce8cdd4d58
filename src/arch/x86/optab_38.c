/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * optab: the three-byte opcode maps 0F 38 and 0F 3A [SDM2 tables ].
 */
#include "arch/x86/optab.h"

#include "arch/x86/state.h"

#define V A_VEX
#define VX A_VEXONLY
#define L0 A_L0
#define L1 A_L1
#define LIG A_LIG
#define W0 A_W0
#define W1 A_W1
#define X2 A_X2

/* clang-format off */
#define SSSE3(n, name) \
    NP(n) O2(name, Pq, Qq, FT(SSSE3)), P66(n) O3(name, Vx, Hx, Wx, V | X2 | FT(SSSE3))
#define SSE41(n, name) P66(n) O3(name, Vx, Hx, Wx, V | X2 | FT(SSE41))
#define PMOV(n, name, w) P66(n) O2(name, Vx, w, V | X2 | FT(SSE41))
#define FMA_P(n, name) P66(n) SUB(W, O3(name##ps, Vx, Hx, Wx, VX | FT(FMA)), \
                                     O3(name##pd, Vx, Hx, Wx, VX | FT(FMA)))
#define FMA_S(n, name) P66(n) SUB(W, O3(name##ss, Vdq, Hdq, Wd, VX | LIG | FT(FMA)), \
                                     O3(name##sd, Vdq, Hdq, Wq, VX | LIG | FT(FMA)))
#define FMA(n, o)                                                                       \
    FMA_P(n + 6, vfmaddsub##o), FMA_P(n + 7, vfmsubadd##o),                             \
    FMA_P(n + 8, vfmadd##o), FMA_S(n + 9, vfmadd##o),                                   \
    FMA_P(n + 10, vfmsub##o), FMA_S(n + 11, vfmsub##o),                                 \
    FMA_P(n + 12, vfnmadd##o), FMA_S(n + 13, vfnmadd##o),                               \
    FMA_P(n + 14, vfnmsub##o), FMA_S(n + 15, vfnmsub##o)

const struct x86_entry x86_map_0f38[1024] = {
    SSSE3(0x00, pshufb),
    SSSE3(0x01, phaddw),
    SSSE3(0x02, phaddd),
    SSSE3(0x03, phaddsw),
    SSSE3(0x04, pmaddubsw),
    SSSE3(0x05, phsubw),
    SSSE3(0x06, phsubd),
    SSSE3(0x07, phsubsw),
    SSSE3(0x08, psignb),
    SSSE3(0x09, psignw),
    SSSE3(0x0a, psignd),
    SSSE3(0x0b, pmulhrsw),
    P66(0x0c) O3(vpermilps, Vx, Hx, Wx, VX | W0 | FT(AVX)),
    P66(0x0d) O3(vpermilpd, Vx, Hx, Wx, VX | W0 | FT(AVX)),
    P66(0x0e) O2(vtestps, Vx, Wx, VX | W0 | FT(AVX)),
    P66(0x0f) O2(vtestpd, Vx, Wx, VX | W0 | FT(AVX)),

    P66(0x10) O2(pblendvb, Vdq, Wdq, FT(SSE41)),
    P66(0x13) O2(vcvtph2ps, Vx, Wh, VX | W0 | FT(F16C)),
    P66(0x14) O2(blendvps, Vdq, Wdq, FT(SSE41)),
    P66(0x15) O2(blendvpd, Vdq, Wdq, FT(SSE41)),
    P66(0x16) O3(vpermps, Vqq, Hqq, Wqq, VX | L1 | W0 | FT(AVX2)),
    P66(0x17) O2(ptest, Vx, Wx, V | FT(SSE41)),
    P66(0x18) SUB(MOD, O2(vbroadcastss, Vx, Wd, VX | W0 | FT(AVX)),
                  O2(vbroadcastss, Vx, Wd, VX | W0 | FT(AVX2))),
    P66(0x19) SUB(MOD, O2(vbroadcastsd, Vqq, Wq, VX | L1 | W0 | FT(AVX)),
                  O2(vbroadcastsd, Vqq, Wq, VX | L1 | W0 | FT(AVX2))),
    P66(0x1a) O2(vbroadcastf128, Vqq, Mdq, VX | L1 | W0 | FT(AVX)),
    NP(0x1c) O2(pabsb, Pq, Qq, FT(SSSE3)),
    P66(0x1c) O2(pabsb, Vx, Wx, V | X2 | FT(SSSE3)),
    NP(0x1d) O2(pabsw, Pq, Qq, FT(SSSE3)),
    P66(0x1d) O2(pabsw, Vx, Wx, V | X2 | FT(SSSE3)),
    NP(0x1e) O2(pabsd, Pq, Qq, FT(SSSE3)),
    P66(0x1e) O2(pabsd, Vx, Wx, V | X2 | FT(SSSE3)),

    PMOV(0x20, pmovsxbw, Wh),
    PMOV(0x21, pmovsxbd, Wqr),
    PMOV(0x22, pmovsxbq, Wei),
    PMOV(0x23, pmovsxwd, Wh),
    PMOV(0x24, pmovsxwq, Wqr),
    PMOV(0x25, pmovsxdq, Wh),
    SSE41(0x28, pmuldq),
    SSE41(0x29, pcmpeqq),
    P66(0x2a) O2(movntdqa, Vx, Mx, V | X2 | FT(SSE41)),
    SSE41(0x2b, packusdw),
    P66(0x2c) O3(vmaskmovps, Vx, Hx, Mx, VX | W0 | FT(AVX)),
    P66(0x2d) O3(vmaskmovpd, Vx, Hx, Mx, VX | W0 | FT(AVX)),
    P66(0x2e) O3(vmaskmovps, Mx, Hx, Vx, VX | W0 | FT(AVX)),
    P66(0x2f) O3(vmaskmovpd, Mx, Hx, Vx, VX | W0 | FT(AVX)),

    PMOV(0x30, pmovzxbw, Wh),
    PMOV(0x31, pmovzxbd, Wqr),
    PMOV(0x32, pmovzxbq, Wei),
    PMOV(0x33, pmovzxwd, Wh),
    PMOV(0x34, pmovzxwq, Wqr),
    PMOV(0x35, pmovzxdq, Wh),
    P66(0x36) O3(vpermd, Vqq, Hqq, Wqq, VX | L1 | W0 | FT(AVX2)),
    P66(0x37) O3(pcmpgtq, Vx, Hx, Wx, V | X2 | FT(SSE42)),
    SSE41(0x38, pminsb),
    SSE41(0x39, pminsd),
    SSE41(0x3a, pminuw),
    SSE41(0x3b, pminud),
    SSE41(0x3c, pmaxsb),
    SSE41(0x3d, pmaxsd),
    SSE41(0x3e, pmaxuw),
    SSE41(0x3f, pmaxud),

    SSE41(0x40, pmulld),
    P66(0x41) O2(phminposuw, Vdq, Wdq, V | L0 | FT(SSE41)),
    P66(0x45) SUB(W, O3(vpsrlvd, Vx, Hx, Wx, VX | FT(AVX2)),
                  O3(vpsrlvq, Vx, Hx, Wx, VX | FT(AVX2))),
    P66(0x46) O3(vpsravd, Vx, Hx, Wx, VX | W0 | FT(AVX2)),
    P66(0x47) SUB(W, O3(vpsllvd, Vx, Hx, Wx, VX | FT(AVX2)),
                  O3(vpsllvq, Vx, Hx, Wx, VX | FT(AVX2))),

    P66(0x58) O2(vpbroadcastd, Vx, Wd, VX | W0 | FT(AVX2)),
    P66(0x59) O2(vpbroadcastq, Vx, Wq, VX | W0 | FT(AVX2)),
    P66(0x5a) O2(vbroadcasti128, Vqq, Mdq, VX | L1 | W0 | FT(AVX2)),
    P66(0x78) O2(vpbroadcastb, Vx, Wb, VX | W0 | FT(AVX2)),
    P66(0x79) O2(vpbroadcastw, Vx, Ww, VX | W0 | FT(AVX2)),

    P66(0x82) O2(invpcid, Gn, Mdq, A_F64 | A_END | FT(INVPCID) | IC(INVPCID)),
    P66(0x8c) SUB(W, O3(vpmaskmovd, Vx, Hx, Mx, VX | FT(AVX2)),
                  O3(vpmaskmovq, Vx, Hx, Mx, VX | FT(AVX2))),
    P66(0x8e) SUB(W, O3(vpmaskmovd, Mx, Hx, Vx, VX | FT(AVX2)),
                  O3(vpmaskmovq, Mx, Hx, Vx, VX | FT(AVX2))),

    P66(0x90) SUB(W, O3(vpgatherdd, Vx, VMd, Hx, VX | FT(AVX2)),
                  O3(vpgatherdq, Vx, VMq, Hx, VX | FT(AVX2))),
    P66(0x91) SUB(W, O3(vpgatherqd, Vdq, VMd, Hdq, VX | FT(AVX2)),
                  O3(vpgatherqq, Vx, VMq, Hx, VX | FT(AVX2))),
    P66(0x92) SUB(W, O3(vgatherdps, Vx, VMd, Hx, VX | FT(AVX2)),
                  O3(vgatherdpd, Vx, VMq, Hx, VX | FT(AVX2))),
    P66(0x93) SUB(W, O3(vgatherqps, Vdq, VMd, Hdq, VX | FT(AVX2)),
                  O3(vgatherqpd, Vx, VMq, Hx, VX | FT(AVX2))),
    FMA(0x90, 132),
    FMA(0xa0, 213),
    FMA(0xb0, 231),

    NP(0xc8) O2(sha1nexte, Vdq, Wdq, FT(SHA)),
    NP(0xc9) O2(sha1msg1, Vdq, Wdq, FT(SHA)),
    NP(0xca) O2(sha1msg2, Vdq, Wdq, FT(SHA)),
    NP(0xcb) O2(sha256rnds2, Vdq, Wdq, FT(SHA)),
    NP(0xcc) O2(sha256msg1, Vdq, Wdq, FT(SHA)),
    NP(0xcd) O2(sha256msg2, Vdq, Wdq, FT(SHA)),
    P66(0xdb) O2(aesimc, Vdq, Wdq, V | L0 | FT(AES)),
    P66(0xdc) O3(aesenc, Vdq, Hdq, Wdq, V | L0 | FT(AES)),
    P66(0xdd) O3(aesenclast, Vdq, Hdq, Wdq, V | L0 | FT(AES)),
    P66(0xde) O3(aesdec, Vdq, Hdq, Wdq, V | L0 | FT(AES)),
    P66(0xdf) O3(aesdeclast, Vdq, Hdq, Wdq, V | L0 | FT(AES)),

    NP66(0xf0) O2(movbe, Gv, Mv, FT(MOVBE)),
    PF2(0xf0) O2(crc32, Gy, Eb, A_SIZE1 | FT(SSE42)),
    NP66(0xf1) O2(movbe, Mv, Gv, FT(MOVBE)),
    PF2(0xf1) O2(crc32, Gy, Ev, A_SIZE1 | FT(SSE42)),
    NP(0xf2) O3(andn, Gy, By, Ey, VX | L0 | FT(BMI1)),
    /* group 17 */
    NP(0xf3) SUB(REG, BAD, O2(blsr, By, Ey, VX | L0 | FT(BMI1)),
                 O2(blsmsk, By, Ey, VX | L0 | FT(BMI1)), O2(blsi, By, Ey, VX | L0 | FT(BMI1)),
                 BAD, BAD, BAD, BAD),
    NP(0xf5) O3(bzhi, Gy, Ey, By, VX | L0 | FT(BMI2)),
    PF3(0xf5) O3(pext, Gy, By, Ey, VX | L0 | FT(BMI2)),
    PF2(0xf5) O3(pdep, Gy, By, Ey, VX | L0 | FT(BMI2)),
    P66(0xf6) O2(adcx, Gy, Ey, FT(ADX)),
    PF3(0xf6) O2(adox, Gy, Ey, FT(ADX)),
    PF2(0xf6) O3(mulx, Gy, By, Ey, VX | L0 | FT(BMI2)),
    NP(0xf7) O3(bextr, Gy, Ey, By, VX | L0 | FT(BMI1)),
    P66(0xf7) O3(shlx, Gy, Ey, By, VX | L0 | FT(BMI2)),
    PF3(0xf7) O3(sarx, Gy, Ey, By, VX | L0 | FT(BMI2)),
    PF2(0xf7) O3(shrx, Gy, Ey, By, VX | L0 | FT(BMI2)),
};

const struct x86_entry x86_map_0f3a[1024] = {
    P66(0x00) O3(vpermq, Vqq, Wqq, Ib, VX | L1 | W1 | FT(AVX2)),
    P66(0x01) O3(vpermpd, Vqq, Wqq, Ib, VX | L1 | W1 | FT(AVX2)),
    P66(0x02) O4(vpblendd, Vx, Hx, Wx, Ib, VX | W0 | FT(AVX2)),
    P66(0x04) O3(vpermilps, Vx, Wx, Ib, VX | W0 | FT(AVX)),
    P66(0x05) O3(vpermilpd, Vx, Wx, Ib, VX | W0 | FT(AVX)),
    P66(0x06) O4(vperm2f128, Vqq, Hqq, Wqq, Ib, VX | L1 | W0 | FT(AVX)),
    P66(0x08) O3(roundps, Vx, Wx, Ib, V | FT(SSE41)),
    P66(0x09) O3(roundpd, Vx, Wx, Ib, V | FT(SSE41)),
    P66(0x0a) O4(roundss, Vdq, Hdq, Wd, Ib, V | LIG | FT(SSE41)),
    P66(0x0b) O4(roundsd, Vdq, Hdq, Wq, Ib, V | LIG | FT(SSE41)),
    P66(0x0c) O4(blendps, Vx, Hx, Wx, Ib, V | FT(SSE41)),
    P66(0x0d) O4(blendpd, Vx, Hx, Wx, Ib, V | FT(SSE41)),
    P66(0x0e) O4(pblendw, Vx, Hx, Wx, Ib, V | X2 | FT(SSE41)),
    NP(0x0f) O3(palignr, Pq, Qq, Ib, FT(SSSE3)),
    P66(0x0f) O4(palignr, Vx, Hx, Wx, Ib, V | X2 | FT(SSSE3)),

    P66(0x14) O3(pextrb, Ebd, Vdq, Ib, V | L0 | FT(SSE41)),
    P66(0x15) O3(pextrw, Ewd, Vdq, Ib, V | L0 | FT(SSE41)),
    P66(0x16) SUB(W64, O3(pextrd, Ed, Vdq, Ib, V | L0 | FT(SSE41)),
                  O3(pextrq, Eq, Vdq, Ib, V | L0 | FT(SSE41))),
    P66(0x17) O3(extractps, Ed, Vdq, Ib, V | L0 | FT(SSE41)),
    P66(0x18) O4(vinsertf128, Vqq, Hqq, Wdq, Ib, VX | L1 | W0 | FT(AVX)),
    P66(0x19) O3(vextractf128, Wdq, Vqq, Ib, VX | L1 | W0 | FT(AVX)),
    P66(0x1d) O3(vcvtps2ph, Wh, Vx, Ib, VX | W0 | FT(F16C)),

    P66(0x20) O4(pinsrb, Vdq, Hdq, Ebd, Ib, V | L0 | FT(SSE41)),
    P66(0x21) O4(insertps, Vdq, Hdq, Wd, Ib, V | L0 | FT(SSE41)),
    P66(0x22) SUB(W64, O4(pinsrd, Vdq, Hdq, Ed, Ib, V | L0 | FT(SSE41)),
                  O4(pinsrq, Vdq, Hdq, Eq, Ib, V | L0 | FT(SSE41))),
    P66(0x38) O4(vinserti128, Vqq, Hqq, Wdq, Ib, VX | L1 | W0 | FT(AVX2)),
    P66(0x39) O3(vextracti128, Wdq, Vqq, Ib, VX | L1 | W0 | FT(AVX2)),

    P66(0x40) O4(dpps, Vx, Hx, Wx, Ib, V | FT(SSE41)),
    P66(0x41) O4(dppd, Vdq, Hdq, Wdq, Ib, V | L0 | FT(SSE41)),
    P66(0x42) O4(mpsadbw, Vx, Hx, Wx, Ib, V | X2 | FT(SSE41)),
    P66(0x44) O4(pclmulqdq, Vdq, Hdq, Wdq, Ib, V | L0 | FT(PCLMUL)),
    P66(0x46) O4(vperm2i128, Vqq, Hqq, Wqq, Ib, VX | L1 | W0 | FT(AVX2)),
    P66(0x4a) O4(blendvps, Vx, Hx, Wx, Lx, VX | W0 | FT(AVX)),
    P66(0x4b) O4(blendvpd, Vx, Hx, Wx, Lx, VX | W0 | FT(AVX)),
    P66(0x4c) O4(pblendvb, Vx, Hx, Wx, Lx, VX | W0 | X2 | FT(AVX)),

    P66(0x60) O3(pcmpestrm, Vdq, Wdq, Ib, V | L0 | FT(SSE42)),
    P66(0x61) O3(pcmpestri, Vdq, Wdq, Ib, V | L0 | FT(SSE42)),
    P66(0x62) O3(pcmpistrm, Vdq, Wdq, Ib, V | L0 | FT(SSE42)),
    P66(0x63) O3(pcmpistri, Vdq, Wdq, Ib, V | L0 | FT(SSE42)),
    NP(0xcc) O3(sha1rnds4, Vdq, Wdq, Ib, FT(SHA)),
    P66(0xdf) O3(aeskeygenassist, Vdq, Wdq, Ib, V | L0 | FT(AES)),
    PF2(0xf0) O3(rorx, Gy, Ey, Ib, VX | L0 | FT(BMI2)),
};
