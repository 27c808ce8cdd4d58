/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tls_lib: GnuTLS, loaded when a move is first encrypted: no other process maps it. The functions are
 * called as `tls->init()`, named as in gnutls/gnutls.h without their "gnutls_".
 */
#ifndef QUAD_GUEST_TLS_LIB_H
#define QUAD_GUEST_TLS_LIB_H

#include "base/base.h"

#if HAVE_GNUTLS
#include <gnutls/gnutls.h>

#define TLS_FUNCTIONS(F)                                                                       \
    F(init) F(deinit) F(bye) F(handshake) F(strerror) F(record_send) F(record_recv)            \
    F(record_check_pending) F(priority_set_direct) F(credentials_set) F(transport_set_int2)    \
    F(server_name_set) F(session_set_verify_cert) F(session_get_verify_cert_status)            \
    F(certificate_verification_status_print) F(certificate_server_set_request)                 \
    F(certificate_allocate_credentials) F(certificate_free_credentials)                        \
    F(certificate_set_x509_trust_file) F(certificate_set_x509_key_file)                        \
    F(psk_allocate_client_credentials) F(psk_free_client_credentials)                          \
    F(psk_set_client_credentials) F(psk_allocate_server_credentials)                           \
    F(psk_free_server_credentials) F(psk_set_server_credentials_file) F(session_get_desc)      \
    F(handshake_set_timeout)

struct tls_lib {
#define F(name) typeof(gnutls_##name) *name;
    TLS_FUNCTIONS(F)
#undef F
    void (*release)(void *p); /* gnutls_free */
};

/* The library, or NULL with *err filled. */
const struct tls_lib *tls_lib(struct error *err);
#endif

#endif
