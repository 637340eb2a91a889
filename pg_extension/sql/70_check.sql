-- The check: every way around isolation that the catalogs show. One rule is one row of tenancy.rule and one function
-- tenancy.rule_NAME() that finds its holes; the files after this one hold the rules by topic, docs/rules has a page for each.

create type tenancy.finding as (
  object text,
  gain text,
  mend text
);
comment on type tenancy.finding is
  'what a rule found: the object, what an attacker gains by it, and the statement that mends it';
comment on column tenancy.finding.object is 'the object as a user would name it; unique within the rule';
comment on column tenancy.finding.gain is 'what an attacker gains by it';
comment on column tenancy.finding.mend is 'the statement that mends it, or a comment that says what to do';
revoke usage on type tenancy.finding from public;

create table tenancy.rule (
  name name not null constraint rule_pkey primary key,
  severity text not null constraint rule_severity check (severity in ('critical', 'high', 'medium', 'low')),
  title text not null
);
comment on table tenancy.rule is 'the rules of tenancy.check(); each is found by a function tenancy.rule_NAME()';
comment on column tenancy.rule.name is 'name of the rule, as tenancy.check() prints it and tenancy.accept() takes it';
comment on column tenancy.rule.severity is 'critical: other tenants'' rows, now; high: one mistake away; medium: facts about others; low: speed and habits';
comment on column tenancy.rule.title is 'the hole in a few words';
revoke all on tenancy.rule from public;
grant select on tenancy.rule to pg_database_owner, tenancy_operator;

create table tenancy.acceptance (
  rule name not null,
  object text not null,
  reason text not null,
  accepted_by name not null,
  accepted_at timestamptz not null default pg_catalog.clock_timestamp(),
  constraint acceptance_pkey primary key (rule, object)
);
comment on table tenancy.acceptance is 'findings that somebody has accepted, with the reason; written by tenancy.accept() and tenancy.withdraw()';
comment on column tenancy.acceptance.rule is 'rule of the finding';
comment on column tenancy.acceptance.object is 'object of the finding, as tenancy.check() prints it';
comment on column tenancy.acceptance.reason is 'why it may stay';
comment on column tenancy.acceptance.accepted_by is 'login role that accepted it';
comment on column tenancy.acceptance.accepted_at is 'when';
revoke all on tenancy.acceptance from public;
select pg_catalog.pg_extension_config_dump('tenancy.acceptance', '');

-- Runs as its owner, so that whoever may call it sees all: some catalogs are for superusers. The rules read catalogs only.
create function tenancy.check(rules name[] default null)
  returns table (severity text, rule name, object text, gain text, mend text, accepted text)
  language plpgsql stable
  security definer set search_path = pg_catalog, pg_temp
  set jit = off -- many large queries of a moment each: compiling them costs more than running them
as $function$
declare
  question constant text :=
    'select $1, $2, f.object, f.gain, f.mend, a.reason
       from %s f left join tenancy.acceptance a on a.rule = $2 and a.object = f.object
      order by f.object';
  unrecognized name;
begin
  select r into unrecognized from unnest(rules) r where not exists (select from tenancy.rule t where t.name = r) limit 1;
  if found then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('unrecognized rule "%s"', coalesce(unrecognized, 'NULL')),
      hint = 'select name, title from tenancy.rule lists them.';
  end if;
  for severity, rule in
    select t.severity, t.name from tenancy.rule t
     where rules is null or t.name = any (rules)
     order by array_position(array['critical', 'high', 'medium', 'low'], t.severity), t.name
  loop
    begin
      return query execute format(question, format('tenancy.%I()', 'rule_' || rule)) using severity, rule;
    exception when others then
      -- An object that somebody made to stop one rule stops neither the others nor the news of it.
      return query execute format(question, '(select $3 as object, $4 as gain, $5 as mend)') using severity, rule,
        format('rule %s', rule), format('nobody knows: the rule could not look (%s)', sqlerrm),
        '-- find the object that the rule stumbles over, and drop it; then ask again';
    end;
  end loop;
end
$function$;
comment on function tenancy.check(name[]) is
  'every way around isolation that the catalogs show: severity, rule, object, what an attacker gains, the statement that mends it, and the reason where it was accepted; no rows: nothing found';

create function tenancy.accept(rule name, object text, reason text) returns void
  language plpgsql volatile parallel unsafe
  security definer set search_path = pg_catalog, pg_temp
as $function$
begin
  if rule is null or object is null or reason is null then
    raise exception using errcode = 'null_value_not_allowed', message = 'an acceptance needs a rule, an object and a reason';
  end if;
  if btrim(reason, E' \t\r\n') = '' then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'an acceptance needs a reason',
      hint = 'Say why the finding may stay, for the people who read it next year.';
  end if;
  if octet_length(reason) > 2000 then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'the reason is longer than 2000 bytes',
      hint = 'Point to a document that says more.';
  end if;
  if not exists (select from tenancy.rule r where r.name = accept.rule) then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('unrecognized rule "%s"', rule),
      hint = 'select name, title from tenancy.rule lists them.';
  end if;
  if not exists (select from tenancy.check(array[accept.rule]) c where c.object = accept.object) then
    raise exception using
      errcode = 'no_data_found',
      message = format('rule "%s" finds nothing at "%s"', rule, object),
      hint = 'Copy the object as tenancy.check() prints it.';
  end if;
  insert into tenancy.acceptance as a (rule, object, reason, accepted_by)
  values (accept.rule, accept.object, accept.reason, session_user)
  on conflict on constraint acceptance_pkey do update
    set reason = excluded.reason, accepted_by = excluded.accepted_by, accepted_at = clock_timestamp();
end
$function$;
comment on function tenancy.accept(name, text, text) is
  'accepts a finding of tenancy.check() with a reason; it stays listed, as accepted';

create function tenancy.withdraw(rule name, object text) returns boolean
  language plpgsql volatile parallel unsafe
  security definer set search_path = pg_catalog, pg_temp
as $function$
begin
  delete from tenancy.acceptance a where a.rule = withdraw.rule and a.object = withdraw.object;
  return found;
end
$function$;
comment on function tenancy.withdraw(name, text) is 'takes an acceptance back; false when there was none';

-- A rule is defined by its function and this row; the function's rights are taken away once, in 79_rules_rights.sql.
create function tenancy.define_rule(name name, severity text, title text) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $function$
  insert into tenancy.rule values (define_rule.name, define_rule.severity, define_rule.title)
$function$;

revoke execute on function
  tenancy.check(name[]), tenancy.accept(name, text, text), tenancy.withdraw(name, text), tenancy.define_rule(name, text, text)
from public;
grant execute on function
  tenancy.check(name[]), tenancy.accept(name, text, text), tenancy.withdraw(name, text)
to pg_database_owner, tenancy_operator;
