-- pg_read_all_data and pg_write_all_data reach every table without a grant: a session written by hand would open every
-- tenant, and the secret of an HS256 issuer makes tokens for everybody. Row security holds them. Who is granted a table reads
-- all of its rows; the extension's own functions work as its owner.

do $row_security$
declare
  kept record;
begin
  for kept in
    select c.oid::pg_catalog.regclass as name,
           (select pg_catalog.string_agg(distinct a.grantee::pg_catalog.regrole::pg_catalog.text, ', ')
              from pg_catalog.aclexplode(c.relacl) a where a.grantee <> c.relowner) as readers
      from pg_catalog.pg_class c
     where c.relnamespace = 'tenancy'::pg_catalog.regnamespace and c.relkind = 'r'
  loop
    execute pg_catalog.format('alter table %s enable row level security', kept.name);
    if kept.readers is not null then
      execute pg_catalog.format('create policy granted on %s for select to %s using (true)', kept.name, kept.readers);
      execute pg_catalog.format('comment on policy granted on %s is %L', kept.name, 'internal: who is granted the table reads it');
    end if;
  end loop;
end
$row_security$;
