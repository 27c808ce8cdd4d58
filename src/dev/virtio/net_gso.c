/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Nothing that the header claims about the frame is believed: lengths come from the frame itself.
 */
#include "dev/virtio/net_gso.h"

#include "base/endian.h"

enum { ETH_LEN = 14, ETH_IPV4 = 0x0800, ETH_IPV6 = 0x86dd, ETH_VLAN = 0x8100 };
enum { PROTO_TCP = 6 };
enum { TCP_FIN = 1, TCP_PSH = 8, TCP_CWR = 0x80 };
#define HEADERS_MAX 256u

void net_hdr_load(struct net_hdr *h, const uint8_t *p)
{
    *h = (struct net_hdr){p[0], p[1], ld_le16(p + 2), ld_le16(p + 4), ld_le16(p + 6), ld_le16(p + 8)};
}

/* One's complement sum of big-endian words, not folded. */
static uint32_t sum(const uint8_t *p, size_t len, uint32_t s)
{
    uint64_t t = s;

    for (; len > 1; p += 2, len -= 2)
        t += ld_be16(p);
    if (len)
        t += (uint32_t)*p << 8;
    while (t >> 32)
        t = (t & UINT32_MAX) + (t >> 32);
    return (uint32_t)t;
}

static uint16_t fold(uint32_t s)
{
    s = (s & 0xffff) + (s >> 16);
    s = (s & 0xffff) + (s >> 16);
    return (uint16_t)~s;
}

/* The field holds the pseudo header's sum already. */
static bool fill_checksum(const struct net_hdr *h, uint8_t *frame, size_t len)
{
    size_t start = h->csum_start, at = start + h->csum_offset;

    if (start >= len || at + 2 > len)
        return false;
    uint16_t c = fold(sum(frame + start, len - start, 0));
    st_be16(frame + at, c ? c : 0xffff); /* zero would mean "none" to UDP */
    return true;
}

struct tcp_frame {
    size_t ip, tcp, data; /* offsets */
    bool v6;
};

static bool parse(struct tcp_frame *t, const uint8_t *f, size_t len, bool v6)
{
    size_t at = ETH_LEN;

    if (len < ETH_LEN + 4u)
        return false;
    uint16_t type = ld_be16(f + 12);
    if (type == ETH_VLAN) {
        type = ld_be16(f + 16);
        at += 4;
    }
    t->ip = at;
    t->v6 = v6;
    if (type != (v6 ? ETH_IPV6 : ETH_IPV4) || len < at + (v6 ? 40 : 20))
        return false;
    if (v6) {
        if (f[at + 6] != PROTO_TCP)
            return false; /* extension headers: none that we cut behind */
        t->tcp = at + 40;
    } else {
        size_t ihl = (f[at] & 15u) * 4;
        if (f[at + 9] != PROTO_TCP || ihl < 20)
            return false;
        t->tcp = at + ihl;
    }
    if (len < t->tcp + 20)
        return false;
    size_t thl = (f[t->tcp + 12] >> 4) * 4u;
    t->data = t->tcp + thl;
    return thl >= 20 && t->data <= len && t->data <= HEADERS_MAX;
}

static void finish_segment(const struct tcp_frame *t, uint8_t *f, size_t len, uint16_t index)
{
    size_t tcp_len = len - t->tcp;
    uint32_t s = PROTO_TCP + (uint32_t)tcp_len;
    uint8_t *ip = f + t->ip, *tcp = f + t->tcp;

    if (t->v6) {
        st_be16(ip + 4, (uint16_t)(len - t->ip - 40));
        s = sum(ip + 8, 32, s);
    } else {
        st_be16(ip + 2, (uint16_t)(len - t->ip));
        st_be16(ip + 4, (uint16_t)(ld_be16(ip + 4) + index));
        st_be16(ip + 10, 0);
        st_be16(ip + 10, fold(sum(ip, t->tcp - t->ip, 0)));
        s = sum(ip + 12, 8, s);
    }
    st_be16(tcp + 16, 0);
    st_be16(tcp + 16, fold(sum(tcp, tcp_len, s)));
}

static bool cut(const struct net_hdr *h, const uint8_t *frame, size_t len,
                void (*emit)(void *opaque, const uint8_t *frame, size_t len), void *opaque)
{
    uint8_t type = h->gso_type & (uint8_t)~NET_GSO_ECN;
    struct tcp_frame t;

    if ((type != NET_GSO_TCPV4 && type != NET_GSO_TCPV6) || !h->gso_size ||
        !parse(&t, frame, len, type == NET_GSO_TCPV6))
        return false;
    uint8_t *f = malloc(t.data + h->gso_size);
    if (!f)
        return false;
    uint32_t seq = ld_be32(frame + t.tcp + 4);
    uint16_t index = 0;
    size_t at = t.data;
    do {
        size_t n = MIN((size_t)h->gso_size, len - at);
        memcpy(f, frame, t.data);
        memcpy(f + t.data, frame + at, n);
        st_be32(f + t.tcp + 4, seq + (uint32_t)(at - t.data));
        if (at + n < len)
            f[t.tcp + 13] &= (uint8_t)~(TCP_FIN | TCP_PSH);
        if (index)
            f[t.tcp + 13] &= (uint8_t)~TCP_CWR;
        finish_segment(&t, f, t.data + n, index++);
        emit(opaque, f, t.data + n);
        at += n;
    } while (at < len);
    free(f);
    return true;
}

bool net_gso(const struct net_hdr *h, uint8_t *frame, size_t len,
             void (*emit)(void *opaque, const uint8_t *frame, size_t len), void *opaque)
{
    if (h->gso_type != NET_GSO_NONE)
        return cut(h, frame, len, emit, opaque);
    if ((h->flags & NET_HDR_NEEDS_CSUM) && !fill_checksum(h, frame, len))
        return false;
    emit(opaque, frame, len);
    return true;
}
