-- The isolation suite on demand: a background worker runs it, table by table, and commits what came out of each, so that a
-- page shows the progress (src/isolation_run.cpp). Runs are of a server, not of the data: they are no part of a dump.

create table tenancy.isolation_run (
  id bigint generated always as identity constraint isolation_run_pkey primary key,
  started_at timestamptz not null default pg_catalog.clock_timestamp(),
  finished_at timestamptz,
  state text not null default 'running' constraint isolation_run_state check (state in ('running', 'passed', 'failed', 'broken')),
  login text not null,
  user_id text,
  tables integer not null default 0,
  tables_done integer not null default 0,
  passed integer not null default 0,
  failed integer not null default 0,
  skipped integer not null default 0,
  error text
);
comment on table tenancy.isolation_run is 'the last runs of tenancy.start_isolation_run(); src/isolation_run.cpp counts on the first column and the key';
comment on column tenancy.isolation_run.id is 'number of the run; gaps mean nothing';
comment on column tenancy.isolation_run.started_at is 'when it began';
comment on column tenancy.isolation_run.finished_at is 'when it ended; NULL while it runs, and where nobody was left to tell';
comment on column tenancy.isolation_run.state is 'how it was left: running may mean that its worker is gone, ask tenancy.isolation_run_state()';
comment on column tenancy.isolation_run.login is 'database login that started it';
comment on column tenancy.isolation_run.user_id is 'admin of the application who started it; NULL: somebody without a context';
comment on column tenancy.isolation_run.tables is 'how many tables there are to try';
comment on column tenancy.isolation_run.tables_done is 'how many were tried';
comment on column tenancy.isolation_run.passed is 'lines that are well';
comment on column tenancy.isolation_run.failed is 'lines that are not';
comment on column tenancy.isolation_run.skipped is 'lines that were tried and say nothing';
comment on column tenancy.isolation_run.error is 'why it is broken, or has failed without a line';
comment on sequence tenancy.isolation_run_id_seq is 'internal: numbers the runs of the isolation suite';
revoke all on tenancy.isolation_run from public;

create table tenancy.isolation_result (
  run_id bigint not null constraint isolation_result_run references tenancy.isolation_run on delete cascade,
  number integer not null,
  table_name text not null,
  ok boolean not null,
  skipped boolean not null,
  line text not null,
  comment text,
  constraint isolation_result_pkey primary key (run_id, number)
);
comment on table tenancy.isolation_result is 'the lines of the last runs of tenancy.start_isolation_run()';
comment on column tenancy.isolation_result.run_id is 'the run';
comment on column tenancy.isolation_result.number is 'number of the line in its run';
comment on column tenancy.isolation_result.table_name is 'the table that was tried';
comment on column tenancy.isolation_result.ok is 'whether it is as it should be';
comment on column tenancy.isolation_result.skipped is 'whether it was tried and says nothing';
comment on column tenancy.isolation_result.line is 'what was tried, as tenancy.isolation_tests() says it';
comment on column tenancy.isolation_result.comment is 'what came out where it is not well, or why it says nothing';
revoke all on tenancy.isolation_result from public;

create function tenancy.isolation_run_state(run bigint) returns text
  language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_isolation_run_state';
comment on function tenancy.isolation_run_state(bigint) is
  'internal: running, passed, failed or broken; broken also for a run whose worker died or whose server was restarted';

-- Who reads them: as tenancy.suspensions.
create view tenancy.isolation_runs with (security_barrier) as
  select r.id, r.started_at, r.finished_at, s.state, r.login, r.user_id, r.tables, r.tables_done, r.passed, r.failed, r.skipped,
         case when s.state = 'broken' then coalesce(r.error, 'the worker or the server has stopped') else r.error end as error
    from tenancy.isolation_run r
    cross join lateral (select tenancy.isolation_run_state(r.id) as state offset 0) s
   where pg_catalog.pg_has_role(current_user, 'tenancy_operator', 'usage')
      or pg_catalog.pg_has_role(current_user, 'pg_database_owner', 'usage')
      or tenancy.bypassing();
comment on view tenancy.isolation_runs is
  'the last 20 runs of tenancy.start_isolation_run(): for operators and the owner of the database, and for admins in a bypass context where tenancy_admin is granted it';
comment on column tenancy.isolation_runs.id is 'number of the run; gaps mean nothing';
comment on column tenancy.isolation_runs.started_at is 'when it began';
comment on column tenancy.isolation_runs.finished_at is 'when it ended; NULL while it runs, and where nobody was left to tell';
comment on column tenancy.isolation_runs.state is 'running, passed, failed, or broken: it did not come to its end';
comment on column tenancy.isolation_runs.login is 'database login that started it';
comment on column tenancy.isolation_runs.user_id is 'admin of the application who started it; NULL: somebody without a context';
comment on column tenancy.isolation_runs.tables is 'how many tables there are to try';
comment on column tenancy.isolation_runs.tables_done is 'how many were tried';
comment on column tenancy.isolation_runs.passed is 'lines that are well';
comment on column tenancy.isolation_runs.failed is 'lines that are not';
comment on column tenancy.isolation_runs.skipped is 'lines that were tried and say nothing';
comment on column tenancy.isolation_runs.error is 'why it is broken, or has failed without a line';

create view tenancy.isolation_results with (security_barrier) as
  select r.run_id, r.number, r.table_name, r.ok, r.skipped, r.line, r.comment
    from tenancy.isolation_result r
   where pg_catalog.pg_has_role(current_user, 'tenancy_operator', 'usage')
      or pg_catalog.pg_has_role(current_user, 'pg_database_owner', 'usage')
      or tenancy.bypassing();
comment on view tenancy.isolation_results is 'the lines of tenancy.isolation_runs, for the same people';
comment on column tenancy.isolation_results.run_id is 'the run';
comment on column tenancy.isolation_results.number is 'number of the line in its run';
comment on column tenancy.isolation_results.table_name is 'the table that was tried';
comment on column tenancy.isolation_results.ok is 'whether it is as it should be';
comment on column tenancy.isolation_results.skipped is 'whether it was tried and says nothing';
comment on column tenancy.isolation_results.line is 'what was tried, as tenancy.isolation_tests() says it';
comment on column tenancy.isolation_results.comment is 'what came out where it is not well, or why it says nothing';
revoke all on tenancy.isolation_runs, tenancy.isolation_results from public;
grant select on tenancy.isolation_runs, tenancy.isolation_results to tenancy_operator, pg_database_owner;

-- ---------------------------------------------------------------- starting
create function tenancy.launch_isolation_run(owner oid) returns bigint
  language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_launch_isolation_run';
comment on function tenancy.launch_isolation_run(oid) is
  'internal: starts the worker of a run as the owner of the database, and tells its number once that is committed';

create function tenancy.start_isolation_run() returns bigint
  language plpgsql volatile parallel unsafe
  security definer set search_path = pg_catalog, pg_temp
as $function$
declare
  owner record;
begin
  perform tenancy.require_operator('run the isolation suite', 'tenancy.start_isolation_run()');
  select r.oid, r.rolname, r.rolcanlogin into owner
    from pg_database d join pg_roles r on r.oid = d.datdba where d.datname = current_database();
  if not owner.rolcanlogin then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = 'the owner of the database may not log in',
      hint = format('The worker logs in as the owner: ALTER ROLE %I LOGIN; or call tenancy.isolation_tests() as a member.', owner.rolname);
  end if;
  return tenancy.launch_isolation_run(owner.oid);
end
$function$;
comment on function tenancy.start_isolation_run() is
  'runs the isolation suite in the background, one run at a time, and tells its number; progress and outcome are in tenancy.isolation_runs and tenancy.isolation_results; on record in tenancy.audit_log';

-- ---------------------------------------------------------------- what the worker does
-- As the owner of the extension: keeps book. As the owner of the database: plans and tries.
create function tenancy.isolation_run_begin(entry jsonb) returns bigint
  language plpgsql volatile parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
declare
  kept constant integer := 20;
  run bigint;
begin
  -- Whoever begins is alone: the worker of what was left running is gone.
  update tenancy.isolation_run r set state = 'broken' where r.state = 'running';
  insert into tenancy.isolation_run (login, user_id) values (entry ->> 'login', entry ->> 'user_id') returning id into run;
  delete from tenancy.isolation_run r
   where r.id not in (select k.id from tenancy.isolation_run k order by k.id desc limit kept);
  perform tenancy.append_audit(jsonb_set(entry, '{detail,run}', to_jsonb(run)));
  return run;
end
$function$;
comment on function tenancy.isolation_run_begin(jsonb) is 'internal: puts a run on record, and forgets old ones';

create function tenancy.isolation_run_plan() returns setof jsonb
  language sql volatile
  set search_path = pg_catalog, pg_temp
  set row_security = on
as $function$
  select jsonb_build_object('relation', p.relation::oid, 'table', tenancy.isolation_quoted(p.relation), 'lost', p.is_lost, 'pair', p.pair)
    from tenancy.isolation_plan(null, null, null) p
$function$;
comment on function tenancy.isolation_run_plan() is 'internal: the tables of a run, each as a JSON object';

-- Who comes after a waiting lock waits as well: a table that is busy is left alone soon.
create function tenancy.isolation_run_step(step jsonb) returns jsonb
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
  set row_security = on
  set lock_timeout = '2s'
as $function$
declare
  relation constant regclass := (step ->> 'relation')::oid::regclass;
  lines tenancy.isolation_line[];
  failure text;
begin
  if not exists (select from pg_class c where c.oid = relation) then
    return '[]'; -- dropped meanwhile
  end if;
  begin
    if not (step ->> 'lost')::boolean then
      execute format('lock table %s in access exclusive mode', tenancy.isolation_quoted(relation));
    end if;
    lines := array(select l from tenancy.isolation_lines(relation, (step ->> 'lost')::boolean, array(select jsonb_array_elements_text(step -> 'pair'))) l);
  exception
    when lock_not_available then
      lines := array[tenancy.isolation_told(false, format('%s: it is tried', relation), array['It is busy: no lock was to be had within two seconds. Run the suite when fewer people work.'])];
    when others then
      get stacked diagnostics failure = message_text;
      lines := array[tenancy.isolation_told(false, format('%s: it is tried', relation), array[failure])];
  end;
  return coalesce((select jsonb_agg(jsonb_build_object(
                       'ok', (l).ok is true, 'skipped', (l).skipped is not null, 'line', (l).title,
                       'comment', coalesce((l).skipped, case when (l).ok is not true then (select string_agg(n, E'\n') from tenancy.isolation_notes(l) n) end)) order by o)
                     from unnest(lines) with ordinality as u (ok, title, notes, skipped, o)
                    cross join lateral (select row(u.ok, u.title, u.notes, u.skipped)::tenancy.isolation_line as l) r), '[]');
end
$function$;
comment on function tenancy.isolation_run_step(jsonb) is 'internal: tries one table of a run and tells the lines as a JSON array';

create function tenancy.isolation_run_planned(run bigint, tables integer) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $function$
  update tenancy.isolation_run r set tables = isolation_run_planned.tables where r.id = run
$function$;
comment on function tenancy.isolation_run_planned(bigint, integer) is 'internal: how many tables a run has to try';

create function tenancy.isolation_run_note(run bigint, step jsonb, lines jsonb) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $function$
  insert into tenancy.isolation_result (run_id, number, table_name, ok, skipped, line, comment)
  select run, (select r.passed + r.failed + r.skipped from tenancy.isolation_run r where r.id = run) + l.number,
         step ->> 'table', (l.line ->> 'ok')::boolean, (l.line ->> 'skipped')::boolean, l.line ->> 'line', l.line ->> 'comment'
    from jsonb_array_elements(lines) with ordinality as l (line, number);
  update tenancy.isolation_run r
     set tables_done = r.tables_done + 1, passed = r.passed + n.passed, failed = r.failed + n.failed, skipped = r.skipped + n.skipped
    from (select count(*) filter (where (l ->> 'ok')::boolean and not (l ->> 'skipped')::boolean) as passed,
                 count(*) filter (where not (l ->> 'ok')::boolean) as failed,
                 count(*) filter (where (l ->> 'ok')::boolean and (l ->> 'skipped')::boolean) as skipped
            from jsonb_array_elements(lines) l) n
   where r.id = run;
$function$;
comment on function tenancy.isolation_run_note(bigint, jsonb, jsonb) is 'internal: keeps the lines of one table of a run';

create function tenancy.isolation_run_end(run bigint, error text) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $function$
  update tenancy.isolation_run r
     set finished_at = clock_timestamp(),
         state = case when isolation_run_end.error is not null then 'broken' when r.failed > 0 or r.tables = 0 then 'failed' else 'passed' end,
         error = coalesce(isolation_run_end.error, case when r.tables = 0 then 'nothing is protected' end)
   where r.id = run
$function$;
comment on function tenancy.isolation_run_end(bigint, text) is 'internal: ends a run, as broken where there is an error';

revoke execute on function
  tenancy.isolation_run_state(bigint), tenancy.launch_isolation_run(oid), tenancy.start_isolation_run(), tenancy.isolation_run_begin(jsonb),
  tenancy.isolation_run_plan(), tenancy.isolation_run_step(jsonb), tenancy.isolation_run_planned(bigint, integer),
  tenancy.isolation_run_note(bigint, jsonb, jsonb), tenancy.isolation_run_end(bigint, text)
from public;
grant execute on function tenancy.start_isolation_run() to tenancy_operator, pg_database_owner;
grant execute on function tenancy.isolation_run_plan(), tenancy.isolation_run_step(jsonb) to pg_database_owner;
-- The views call it as whoever reads them.
grant execute on function tenancy.isolation_run_state(bigint) to tenancy_operator, pg_database_owner, tenancy_admin;
