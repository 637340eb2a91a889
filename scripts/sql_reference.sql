-- Prints docs/sql.md from the comments of an installed extension:
--   psql -X -q -At -d DATABASE -f scripts/sql_reference.sql >docs/sql.md
-- A test compares the two, so a function without its line there does not pass.
\pset format unaligned
\pset tuples_only on

select $$# SQL reference

Made by `scripts/sql_reference.sql` from the comments of the extension; `\df+ tenancy.*` shows the same in psql. What begins with
"internal" there is no interface, and not listed here. *Who* names the roles that may execute a function: PostgreSQL's
`pg_database_owner` is the owner of the database. A superuser may execute all of them; some refuse superusers all the same.

## Functions
$$;

with granted as (
    select p.oid, coalesce(nullif(right_.grantee, 0)::regrole::text, 'everybody') as who
    from pg_catalog.pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) right_
    where right_.privilege_type = 'EXECUTE' and right_.grantee <> p.proowner
), who as (
    select oid, string_agg(who, ', ' order by who collate "C") as who from granted group by oid
)
select format(E'### %s\n\n```\ntenancy.%s(%s)\n  returns %s\n```\n\n%s.\n\n*Who:* %s.\n',
              p.proname, p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid),
              obj_description(p.oid, 'pg_proc'), coalesce(who.who, 'superusers'))
from pg_catalog.pg_proc p
left join who using (oid)
where p.pronamespace = 'tenancy'::regnamespace
  and exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
  and obj_description(p.oid, 'pg_proc') not like 'internal:%'
order by p.proname collate "C", pg_get_function_arguments(p.oid) collate "C";

select $$## Views and tables

All are for reading: the functions above write them.

| name | kind | columns | what it shows |
|---|---|---|---|$$;

select format('| `tenancy.%s` | %s | %s | %s |', c.relname, case c.relkind when 'v' then 'view' else 'table' end,
              (select string_agg(format('`%s`', a.attname), ', ' order by a.attnum)
               from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
              obj_description(c.oid, 'pg_class'))
from pg_catalog.pg_class c
where c.relnamespace = 'tenancy'::regnamespace and c.relkind in ('r', 'v')
  and exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
  and obj_description(c.oid, 'pg_class') not like 'internal:%'
order by c.relkind desc, c.relname collate "C";

select $$
## Settings

*Who sets:* `superuser` also means roles with `grant set on parameter`; `user` is everybody, outside a tenant's context.

| name | default | who sets | what it does |
|---|---|---|---|$$;

select format('| `%s` | `%s` | %s | %s |', name, case when boot_val = '' then ' ' else boot_val || coalesce(' ' || unit, '') end,
              context, concat_ws(' ', short_desc, nullif(extra_desc, '')))
from pg_catalog.pg_settings
where name like 'tenancy.%'
order by name collate "C";
