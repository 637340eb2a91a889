#!/usr/bin/env bash
# docs/sql.md is what the comments of the installed extension say now: no function, view or setting is missing there.
# docs/http.md names all that the gateway's sources can answer.

# shellcheck source=tests_pgtap/setup/tap.sh
source "$(dirname "$0")/setup/tap.sh"
cd "$(dirname "$0")/.." || exit 1

quiet_psql -f scripts/sql_reference.sql >"$SCRATCH/sql.md"
is "$(($(grep -c '^### ' "$SCRATCH/sql.md") > 40))" 1 'the extension has functions to describe'
is "$(diff "$SCRATCH/sql.md" docs/sql.md)" '' \
    'docs/sql.md says what the extension says; psql -X -q -At -f scripts/sql_reference.sql >docs/sql.md makes it anew'

# absent WORDS…: those that the page does not have.
absent() {
    local word
    for word in "$@"; do grep -qF -- "$word" docs/http.md || echo "$word"; done
}
mapfile -t codes < <(grep -rhoE '"(TNCY|PGRST)[0-9]{3}"' gateway/src | tr -d '"' | sort -u)
mapfile -t states < <(sed -n 's/^ *{"\([0-9A-Z]\+\)", [0-9]\{3\}, Text::.*/\1/p' gateway/src/http_error.cpp | sed -E 's/^.{1,4}$/&…/')
mapfile -t headers < <(grep -rhoE '(set_header\("|emplace\("|header\(")[A-Z][A-Za-z-]+"' gateway/src | grep -oE '[A-Z][A-Za-z-]+' | sort -u | grep -vxE 'Content-Type|Transfer-Encoding|Connection|Content-Encoding|Access-Control-Allow-.*')
mapfile -t routes < <(sed -n 's/^ *{{"[A-Z", ]*}, {\(.*\)}, handlers::.*/\1/p' gateway/src/server.cpp | tr -d '" ' | sed 's#,#/#g; s#^rpc/\*#rpc/{function}#; s#^\*/\*#{resource}/{id}#; s#^\*#{resource}#')
is "$((${#codes[@]} > 30)) $((${#states[@]} > 25)) $((${#headers[@]} > 10)) $((${#routes[@]} > 10))" '1 1 1 1' 'the sources can be read'
is "$(absent "${codes[@]}" "${states[@]}" "${headers[@]}" "${routes[@]}")" '' 'docs/http.md has every code, every rule, every header and every route'
finish
