-- What is done past the walls, and to them: who, as whom, for which tenant, and why. Append only. Nobody is granted a right
-- to write here, and the trigger holds whoever gets at one all the same (a role past row security, a superuser by mistake).

create table tenancy.audit_log (
  id bigint generated always as identity constraint audit_log_pkey primary key,
  at timestamptz not null default pg_catalog.clock_timestamp(),
  action text not null,
  login text not null,
  user_id text,
  acting_as text,
  tenant_id text,
  reason text,
  session_id uuid,
  client_address text,
  detail jsonb not null default '{}'
);
create index audit_log_at_idx on tenancy.audit_log (at);
-- src/audit.cpp looks up by it whether the first use of a session is on record; it counts on the order of the columns too.
create index audit_log_session_id_idx on tenancy.audit_log (session_id);

comment on table tenancy.audit_log is 'what operators, admins and jobs did beyond one tenant; append only; also in the server log';
comment on column tenancy.audit_log.id is 'number of the entry; gaps mean nothing';
comment on column tenancy.audit_log.at is 'when it was written';
comment on column tenancy.audit_log.action is 'what was done: the name of the function, without its schema';
comment on column tenancy.audit_log.login is 'database login that the connection was opened with (session_user)';
comment on column tenancy.audit_log.user_id is 'user of the context it was done in; NULL for an operator without one';
comment on column tenancy.audit_log.acting_as is 'user that somebody else acted as';
comment on column tenancy.audit_log.tenant_id is 'tenant concerned; NULL: all, or none in particular';
comment on column tenancy.audit_log.reason is 'why, as the operator wrote it';
comment on column tenancy.audit_log.session_id is 'session concerned, of tenancy.sessions';
comment on column tenancy.audit_log.client_address is 'address of the client; NULL over a local socket';
comment on column tenancy.audit_log.detail is 'what else there is to say of this action';
comment on sequence tenancy.audit_log_id_seq is 'internal: numbers the entries of the audit log';
revoke all on tenancy.audit_log from public;
grant select on tenancy.audit_log to tenancy_operator;
-- For applications that grant it to tenancy_admin, whom every login of a gateway can become: in a bypass context alone.
create policy admins on tenancy.audit_log for select to tenancy_admin using (tenancy.bypassing());
comment on policy admins on tenancy.audit_log is 'internal: in a bypass context admins read the log, where tenancy_admin is granted it';
select pg_catalog.pg_extension_config_dump('tenancy.audit_log', '');
select pg_catalog.pg_extension_config_dump('tenancy.audit_log_id_seq', '');

create function tenancy.keep_audit() returns trigger
  language plpgsql volatile parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
begin
  -- Our own functions insert as the extension's owner, and so does a restore.
  if tg_op = 'INSERT' and (select r.rolsuper from pg_roles r where r.rolname = current_user) then
    return null;
  end if;
  raise exception using
    errcode = 'insufficient_privilege',
    message = format('%s is refused on the audit log', tg_op),
    detail = 'It is append only, and only the functions of the extension append.',
    hint = 'To give old entries up, a superuser disables the trigger keep_audit for that one transaction.';
end
$function$;
comment on function tenancy.keep_audit() is 'internal: refuses to change or delete entries of the audit log';
revoke execute on function tenancy.keep_audit() from public;

create trigger keep_audit
  before insert or update or delete or truncate on tenancy.audit_log
  for each statement execute function tenancy.keep_audit();
comment on trigger keep_audit on tenancy.audit_log is 'internal: refuses to change or delete entries of the audit log';
-- ALWAYS: session_replication_role does not switch it off.
alter table tenancy.audit_log enable always trigger keep_audit;

-- One line, whatever the reason holds: JSON escapes line breaks, and the other control characters go.
create function tenancy.audit_line(entry jsonb) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $function$
  select 'tenancy audit: ' || regexp_replace(jsonb_strip_nulls(entry)::text, '[\x7f-\x9f\u2028\u2029]', '?', 'g')
$function$;
comment on function tenancy.audit_line(jsonb) is 'internal: an entry of the audit log as the server log has it';

create function tenancy.append_audit(entry jsonb) returns void
  language plpgsql volatile parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
begin
  insert into tenancy.audit_log (action, login, user_id, acting_as, tenant_id, reason, session_id, client_address, detail)
  values (entry ->> 'action', entry ->> 'login', entry ->> 'user_id', entry ->> 'acting_as', entry ->> 'tenant_id',
          entry ->> 'reason', (entry ->> 'session_id')::uuid, entry ->> 'client_address', coalesce(entry -> 'detail', '{}'));
  raise log '%', tenancy.audit_line(entry);
end
$function$;
comment on function tenancy.append_audit(jsonb) is 'internal: appends an entry to the audit log and to the server log';

-- In the transaction of the caller: what is rolled back was not done. What lets somebody see rows is written by
-- src/audit.cpp instead, in a transaction of its own.
create function tenancy.audit(action text, acting_as text, tenant_id text, reason text, detail jsonb) returns void
  language plpgsql volatile parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
begin
  perform tenancy.append_audit(jsonb_build_object(
    'action', audit.action,
    'login', session_user,
    'user_id', nullif(current_setting('tenancy.user_id', true), ''),
    'acting_as', audit.acting_as,
    'tenant_id', audit.tenant_id,
    'reason', audit.reason,
    'session_id', nullif(current_setting('tenancy.session_id', true), ''),
    'client_address', host(inet_client_addr()),
    'detail', coalesce(audit.detail, '{}')));
end
$function$;
comment on function tenancy.audit(text, text, text, text, jsonb) is
  'internal: appends to the audit log what a function of the extension does, in the same transaction';

revoke execute on function tenancy.audit_line(jsonb), tenancy.append_audit(jsonb), tenancy.audit(text, text, text, text, jsonb) from public;
