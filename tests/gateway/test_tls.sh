#!/usr/bin/env bash
# shellcheck disable=SC2154 # variables of common.sh
# Handshakes and protocols.
# shellcheck source=tests/gateway/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

test_tls_older_than_1_2_is_refused() {
	local version
	for version in tls1_2 tls1_3; do
		has "$version" "$(openssl s_client -connect "127.0.0.1:$GATEWAY_HTTPS_PORT" "-$version" </dev/null 2>&1)" 'Cipher is '
		lacks "$version" "$(openssl s_client -connect "127.0.0.1:$GATEWAY_HTTPS_PORT" "-$version" </dev/null 2>&1)" '(NONE)'
	done
	has tls1_1 "$(openssl s_client -connect "127.0.0.1:$GATEWAY_HTTPS_PORT" -tls1_1 \
		-cipher DEFAULT@SECLEVEL=0 </dev/null 2>&1)" '(NONE)'
}

# tls OPTION...: prints what openssl reports about a handshake with these options.
tls() {
	timeout 60 openssl s_client -connect "127.0.0.1:$GATEWAY_HTTPS_PORT" "$@" </dev/null 2>&1 || true
}

# A handshake with a finite-field group costs up to 94 ms of CPU, before the client has proved who it is.
test_expensive_key_exchanges_are_refused() {
	local group version
	for group in X25519 P-256 P-384; do
		lacks "$group" "$(tls -tls1_3 -groups "$group")" '(NONE)'
		# TLS 1.2 also needs P-256, because the certificate's key uses it.
		lacks "$group, TLS 1.2" "$(tls -tls1_2 -groups "$group:P-256")" '(NONE)'
	done
	for group in ffdhe2048 ffdhe3072 ffdhe4096 ffdhe6144 ffdhe8192 P-521 X448; do
		has "$group" "$(tls -tls1_3 -groups "$group")" '(NONE)'
		has "$group, TLS 1.2" "$(tls -tls1_2 -cipher DHE:ECDHE -groups "$group")" '(NONE)'
	done
	has 'DHE' "$(tls -tls1_2 -cipher DHE)" '(NONE)'
	has 'RSA' "$(tls -tls1_2 -cipher kRSA)" '(NONE)'
	# The gateway chooses the cheap group if the client offers both.
	has 'several' "$(tls -tls1_3 -groups ffdhe8192:X25519)" 'X25519'
}

renegotiation_has_ended() {
	grep -qE 'no renegotiation|handshake failure|unexpected eof|:error:' "$work/renegotiation"
}

test_renegotiation_and_early_data_are_refused() {
	local said
	: >"$work/renegotiation"
	# shellcheck disable=SC2094
	{
		wait_for 60 grep -q 'Cipher is' "$work/renegotiation"
		printf 'R\n'
		wait_for 60 renegotiation_has_ended
	} | timeout 150 openssl s_client -connect "127.0.0.1:$GATEWAY_HTTPS_PORT" -tls1_2 >"$work/renegotiation" 2>&1 || true
	said=$(<"$work/renegotiation")
	has 'renegotiation' "$said" 'RENEGOTIATING'
	[[ $said == *'no renegotiation'* || $said == *'handshake failure'* || $said == *'unexpected eof'* || $said == *':error:'* ]] ||
		fail "the client could renegotiate: ${said: -400}"
	said=$(timeout 60 openssl s_client -connect "127.0.0.1:$GATEWAY_HTTPS_PORT" -tls1_3 -sess_out "$work/session" \
		-ign_eof < <(printf 'GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n') 2>&1 || true)
	has 'the first answer' "$said" '{"status":"ok"}'
	has 'bytes of early data that a session may bring' "$said" 'Max Early Data: 0'
}

test_http_2_is_available() {
	is version "$(curl -ks -o /dev/null -w '%{http_version}' "$secure/healthz")" 2
}

run_tests
