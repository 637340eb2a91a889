-- The functions of the rules are asked through tenancy.check() alone, which runs as their owner. Each row of tenancy.rule has one.

do $rights$
declare
  rule tenancy.rule;
begin
  for rule in select r.* from tenancy.rule r loop
    execute pg_catalog.format('revoke execute on function tenancy.%I() from public', 'rule_' || rule.name);
    execute pg_catalog.format('comment on function tenancy.%I() is %L', 'rule_' || rule.name,
                              pg_catalog.format('internal: finds %s (%s)', rule.title, rule.severity));
  end loop;
end
$rights$;

drop function tenancy.define_rule(name, text, text);
