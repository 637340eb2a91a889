#!/usr/bin/env bash
#
# Tokens of every algorithm, made with the openssl program as an issuer's server would, and what a dump says of issuers.

set -u
# shellcheck source=setup/tap.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup/tap.sh"

url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
unhex() { sed 's/../\\x&/g' | xargs -0 printf '%b'; }
key=$SCRATCH/key # a private key for each algorithm
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$key.RS256"
cp "$key.RS256" "$key.PS256"
openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$key.ES256"
openssl genpkey -quiet -algorithm ED25519 -out "$key.EdDSA"
printf '%s' 'a shared secret, which no dump shall show' >"$key.HS256"

# The last bytes of a public key's DER form are the point, or the key.
tail_of_key() { openssl pkey -in "$1" -pubout -outform DER | tail -c "$2"; }
jwk() { # ALGORITHM
    case $1 in
    RS256 | PS256) printf '{"kty":"RSA","alg":"%s","use":"sig","kid":"%s","e":"AQAB","n":"%s"}' "$1" "$1" \
        "$(openssl rsa -in "$key.$1" -noout -modulus | sed 's/.*=//' | tr -d '\n' | unhex | url)" ;;
    ES256) printf '{"kty":"EC","crv":"P-256","kid":"ES256","x":"%s","y":"%s"}' \
        "$(tail_of_key "$key.ES256" 64 | head -c 32 | url)" "$(tail_of_key "$key.ES256" 32 | url)" ;;
    EdDSA) printf '{"kty":"OKP","crv":"Ed25519","kid":"EdDSA","x":"%s"}' "$(tail_of_key "$key.EdDSA" 32 | url)" ;;
    HS256) printf '{"kty":"oct","kid":"HS256","k":"%s"}' "$(url <"$key.HS256")" ;;
    esac
}

# r and s of a DER signature, 32 bytes each.
raw_signature() {
    openssl asn1parse -inform DER | sed -n 's/.*INTEGER *:-\{0,1\}//p' | while read -r number; do
        printf '%64s' "$number" | tr ' ' 0
    done | unhex
}
signature() { # ALGORITHM, the input in a file
    case $1 in
    RS256) openssl dgst -sha256 -sign "$key.RS256" "$2" ;;
    PS256) openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest -sign "$key.PS256" "$2" ;;
    ES256) openssl dgst -sha256 -sign "$key.ES256" "$2" | raw_signature ;;
    ES256-DER) openssl dgst -sha256 -sign "$key.ES256" "$2" ;;
    EdDSA) openssl pkeyutl -sign -rawin -inkey "$key.EdDSA" -in "$2" ;;
    HS256) openssl dgst -sha256 -binary -mac HMAC -macopt "hexkey:$(od -An -v -tx1 "$key.HS256" | tr -d ' \n')" "$2" ;;
    esac
}

expiry=$(($(date +%s) + 3600))
make_token() { # ALGORITHM of the header, how it is signed instead
    printf '%s.%s' "$(printf '{"alg":"%s","kid":"%s"}' "$1" "$1" | url)" \
        "$(printf '{"iss":"https://all.example/","aud":"shop","sub":"%s","exp":%s}' "$ann" "$expiry" | url)" >"$SCRATCH/input"
    printf '%s.%s' "$(cat "$SCRATCH/input")" "$(signature "${2:-$1}" "$SCRATCH/input" | url)"
}
# As a parameter's value in a transaction of its own: rows that the token's holder sees, or the SQLSTATE.
rows_seen() {
    printf '%s\n' begin\; "select tenancy.attach(:'token');" 'select count(*) from shop.patient;' commit\; |
        as_login shop_gateway quiet_psql -v VERBOSITY=sqlstate -v token="$1" | sed '/^$/d' | head -1
}

ann=$(quiet_psql -c "select id from shop.account where user_name = 'ann'")
keys=$(for name in RS256 PS256 ES256 EdDSA HS256; do jwk "$name"; printf ','; done)
is "$(as_login shop_owner quiet_psql -v jwks="{\"keys\":[${keys%,}]}" <<<"select tenancy.trust_issuer('https://all.example/', :'jwks', '{shop}');")" 5 \
    'an issuer has keys of all five algorithms at once'
for name in RS256 PS256 ES256 EdDSA HS256; do
    is "$(rows_seen "$(make_token "$name")")" 5 "a token of $name opens the tenant"
done
is "$(rows_seen "$(make_token RS256 PS256)")" 'ERROR:  28000' 'a signature of PS256 is none of RS256, of the same key'
is "$(rows_seen "$(make_token PS256 RS256)")" 'ERROR:  28000' 'nor the other way round'
is "$(rows_seen "$(make_token ES256 ES256-DER)")" 'ERROR:  28000' 'a signature of ES256 in DER form is refused'
is "$(rows_seen "$(make_token HS256 RS256)")" 'ERROR:  28000' 'one of RS256 under the name of HS256'
is "$(rows_seen "$(make_token EdDSA ES256)")" 'ERROR:  28000' 'one of ES256 under the name of EdDSA'

# The public key as the secret of HS256: in PEM, in DER, as JWK.
openssl pkey -in "$key.RS256" -pubout -out "$SCRATCH/pem"
openssl pkey -in "$key.RS256" -pubout -outform DER -out "$SCRATCH/der"
jwk RS256 >"$SCRATCH/jwk"
for form in pem der jwk; do
    cp "$SCRATCH/$form" "$key.HS256"
    is "$(rows_seen "$(make_token HS256)")" 'ERROR:  28000' "the public key in $form form signs nothing"
done
printf '%s' 'a shared secret, which no dump shall show' >"$key.HS256"
is "$(rows_seen "$(make_token HS256)")" 5 'while the true secret does'

# An issuer's private key is given by mistake.
is "$(as_login shop_owner quiet_psql -v VERBOSITY=sqlstate <<<"select tenancy.trust_issuer('i', '{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\",\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\"}', '{a}');")" \
    'ERROR:  22023' 'a private key is refused'

# ---------------------------------------------------------------- dumps
pg_dump --data-only --extension=tenancy >"$SCRATCH/dump" 2>"$SCRATCH/dump.errors"
# The audit log names the keys, HS256 among them.
grep -v '"issuer": ' "$SCRATCH/dump" >"$SCRATCH/tables"
is "$(grep -c 'https://all.example/' "$SCRATCH/tables")" 5 'a dump has the issuer and its public keys'
is "$(grep -c HS256 "$SCRATCH/tables")$(grep -c "$(url <"$key.HS256")" "$SCRATCH/dump")" 00 'but no secret'

# ---------------------------------------------------------------- what is in the server's log for the operator
is "$(as_login shop_gateway quiet_psql -v VERBOSITY=verbose -v token="$(make_token RS256 PS256)" <<<"select tenancy.attach(:'token');" | grep -c signature)" 0 \
    'the client does not learn why a token is refused'
quiet_psql -c "select tenancy.distrust_issuer('https://all.example/')" >/dev/null
finish
