#!/usr/bin/env bash
# docs/migrating.md: each old schema in a database of its own, then the page's statements as they stand there.
# A block "```sql before=NAME" is the old schema NAME, "```sql NAME …" belongs to the migration of each NAME.

# shellcheck source=tests_pgtap/setup/tap.sh
source "$(dirname "$0")/setup/tap.sh"
page=$(dirname "$0")/../docs/migrating.md

# blocks WORD: the text of the blocks that carry the word.
blocks() {
    awk -v word="$1" '/^```sql/ { split($0, words, " "); use = 0; for (i in words) if (words[i] == word) use = 1; next }
                      /^```/ { use = 0 }
                      use' "$page"
}

forget() {
    local name
    for name in setting supabase; do quiet_psql -d postgres -c "drop database if exists migrating_$name with (force)"; done
    quiet_psql -d postgres -c 'drop role if exists invoice_app'
}
at_end forget
forget >/dev/null 2>&1

for name in setting supabase; do
    quiet_psql -d postgres -c "create database migrating_$name template template0"
    before=$(blocks "before=$name")
    is "$(($(wc -l <<<"$before") > 3))" 1 "$name: the page shows the old schema"
    is "$(quiet_psql -d "migrating_$name" -c "$before" 2>&1)" '' "$name: it can be made"
    after=$(blocks "$name" | quiet_psql -d "migrating_$name" 2>&1)
    is "$(grep -cE '^(ERROR|FATAL)|psql:' <<<"$after")" 0 "$name: every statement of the page runs"
    is "$(grep -c '^not ok' <<<"$after")" 0 "$name: the isolation suite is green"
    is "$(($(grep -c '^ok' <<<"$after") > 10))" 1 "$name: and it tried something"
    is "$(quiet_psql -d "migrating_$name" -c "select count(*) from tenancy.check(array['policy_reads_setting', 'several_permissive_policies',
        'policy_has_or_isnull', 'rls_not_forced', 'rls_without_policy', 'no_restrictive_tenant_policy'])")" 0 "$name: of the old policies nothing is left to say"
done

# It can fail: with the old policy in place the check speaks.
quiet_psql -d migrating_setting -c "create policy by_setting on shop.invoice using (tenant_id = current_setting('app.tenant_id')::bigint)" >/dev/null
is "$(($(quiet_psql -d migrating_setting -c "select count(*) from tenancy.check(array['policy_reads_setting', 'several_permissive_policies'])") > 0))" 1 \
    'an old policy that stays is named'

finish
