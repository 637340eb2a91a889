#!/usr/bin/env bash
# Every rule of tenancy.check() has a page that says the same level, a line in the list of pages, and a test that tells its story.

# shellcheck source=tests_pgtap/setup/tap.sh
source "$(dirname "$0")/setup/tap.sh"
cd "$(dirname "$0")/.." || exit 1

pages=docs/rules
rules=$(quiet_psql -F ' ' -c 'select name, severity, title from tenancy.rule order by name')
is "$(($(wc -l <<<"$rules") > 0))" 1 'there are rules'

while read -r name severity title; do
    page=$pages/$name.md
    is "$(grep -c "^\*\*Level:\*\* $severity\$" "$page" 2>/dev/null)" 1 "$name has a page with its level, $severity"
    is "$(grep -cE '^## (What an attacker gains|How to mend)$' "$page" 2>/dev/null)" 2 "$name: it says what an attacker gains and how to mend"
    is "$(grep -cF "| [$name]($name.md) | $severity | $title |" $pages/README.md)" 1 "$name is in the list of pages"
    is "$(($(grep -lF "'$name'" tests_pgtap/6* | wc -l) > 0))" 1 "$name has a test"
done <<<"$rules"

for page in "$pages"/*.md; do
    name=$(basename "$page" .md)
    [[ $name == README ]] || is "$(grep -c "^$name " <<<"$rules")" 1 "page $name has a rule"
done

finish
