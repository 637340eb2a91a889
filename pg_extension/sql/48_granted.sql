-- Rights that the extension's two roles have on a relation, its columns and the sequences its defaults draw from. A right
-- is a word as GRANT takes it; with a star it may be granted on, as psql shows it.

create function tenancy.granted_on(relation regclass, role_name name) returns text[]
  language sql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select coalesce(array_agg(lower(g.privilege_type) || case when g.is_grantable then '*' else '' end order by g.privilege_type), '{}')
    from pg_class c cross join aclexplode(c.relacl) g
   where c.oid = relation and g.grantee = role_name::text::regrole and g.grantor = c.relowner
$function$;
comment on function tenancy.granted_on(regclass, name) is 'internal: rights on a table or sequence that its owner granted to one role by name, in alphabetical order';

create function tenancy.granted_on_columns(relation regclass)
  returns table (column_name name, role_name name, privilege text)
  language plpgsql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
  return query
    select a.attname, r.rolname, lower(g.privilege_type) || case when g.is_grantable then '*' else '' end
      from pg_attribute a
      join pg_class c on c.oid = a.attrelid
      cross join aclexplode(a.attacl) g
      join pg_roles r on r.oid = g.grantee
     where a.attrelid = relation and a.attacl is not null and a.attnum > 0 and not a.attisdropped
       and g.grantor = c.relowner and r.rolname in ('tenancy_user', 'tenancy_admin');
end
$function$;
comment on function tenancy.granted_on_columns(regclass) is 'internal: rights on single columns that the two roles have';

-- Of the same owner only: a default may name anybody's sequence, and a superuser who protects the table must not grant that.
create function tenancy.sequences_of(relation regclass) returns table (column_name name, sequence regclass)
  language plpgsql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
  return query
    select a.attname, s.oid::regclass
      from pg_attrdef d
      join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
      join pg_depend dep on dep.classid = 'pg_attrdef'::regclass and dep.objid = d.oid and dep.refclassid = 'pg_class'::regclass
      join pg_class s on s.oid = dep.refobjid and s.relkind = 'S'
      join pg_class c on c.oid = d.adrelid and c.relowner = s.relowner
     where d.adrelid = relation
     order by a.attnum;
end
$function$;
comment on function tenancy.sequences_of(regclass) is 'internal: sequences that the defaults of a table draw from, as serial columns do';

create function tenancy.wanted_rights(options jsonb, role_name name) returns text[]
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select case when options ->> 'kind' = 'reference' or (role_name = 'tenancy_user' and options ->> 'access' = 'read')
              then array['select'] else array['delete', 'insert', 'select', 'update'] end
$function$;
comment on function tenancy.wanted_rights(jsonb, name) is 'internal: rights on a protected table that one of the two roles should have';

-- A partition or child is reached through its parent and gets no rights of its own; those it has are cut to the parent's.
create function tenancy.missing_rights(relation regclass, options jsonb, is_child boolean)
  returns table (step text, statement text)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
  return query
    with role (role_name, has, wanted) as (
      select r, tenancy.granted_on(relation, r),
             case when is_child
                  then array(select g from unnest(tenancy.granted_on(relation, r)) g where g = any (tenancy.wanted_rights(options, r)))
                  else tenancy.wanted_rights(options, r) end
        from unnest(array['tenancy_user', 'tenancy_admin']::name[]) r
    )
    select 'rights', format('revoke all on %s from %I', relation, role_name)
                     || case when wanted = '{}' then '' else format('; grant %s on %s to %I', array_to_string(wanted, ', '), relation, role_name) end
      from role
     where has <> wanted or role_name in (select g.role_name from tenancy.granted_on_columns(relation) g)
    union all
    select 'rights', case when w.may_draw then format('revoke all on sequence %1$s from %2$I; grant usage on sequence %1$s to %2$I', s.sequence, r.role_name)
                          else format('revoke all on sequence %s from %I', s.sequence, r.role_name) end
      from (select distinct q.sequence from tenancy.sequences_of(relation) q where not is_child) s
      cross join role r
      cross join lateral (select 'insert' = any (r.wanted) as may_draw) w
     where tenancy.granted_on(s.sequence, r.role_name) <> case when w.may_draw then array['usage'] else '{}' end;
end
$function$;
comment on function tenancy.missing_rights(regclass, jsonb, boolean) is 'internal: the statements that give the two roles the rights they should have, and no more';

-- Words of the note become part of a statement here: known ones only, for columns that are there.
create function tenancy.rights_back(relation regclass, note jsonb) returns table (step text, statement text)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
  return query
    with word as (
      -- Those that this server knows, for tables and for sequences.
      select k.kind, lower(x.privilege_type) as word
        from (values ('r'::"char"), ('s')) as k (kind) cross join aclexplode(acldefault(k.kind, 10::oid)) x
    ), noted as (
      select 'r'::"char" as kind, format('%s', relation) as target, null::name as column_name, r as role_name,
             array(select e #>> '{}' from tenancy.noted_list(note, r::text) e) as rights, tenancy.granted_on(relation, r) as has
        from unnest(array['tenancy_user', 'tenancy_admin']::name[]) r
       where jsonb_typeof(note -> r::text) = 'array'
      union all
      select 's', format('sequence %s', s.sequence), null, r,
             array(select right_noted #>> '{}' from tenancy.noted_list(note, 'sequences') e, tenancy.noted_list(e, 'rights') right_noted
                    where e ->> 'column' = s.column_name and e ->> 'role' = r),
             tenancy.granted_on(s.sequence, r)
        from tenancy.sequences_of(relation) s cross join unnest(array['tenancy_user', 'tenancy_admin']::name[]) r
       where jsonb_typeof(note -> 'sequences') = 'array'
    ), known as (
      select n.target, n.role_name, n.has,
             array(select x from unnest(n.rights) x where x !~ '\*\*' and (n.kind, rtrim(x, '*')) in (select w.kind, w.word from word w) order by x) as rights
        from noted n
    )
    select 'rights as they were',
           format('revoke all on %s from %I', k.target, k.role_name)
           || coalesce((select string_agg(format('; grant %s on %s to %I%s', rtrim(x, '*'), k.target, k.role_name,
                                                 case when x like '%*' then ' with grant option' else '' end), '') from unnest(k.rights) x), '')
      from known k
     where k.has <> k.rights
    union all
    select 'rights as they were',
           format('grant %s (%I) on %s to %I%s', rtrim(e ->> 'right', '*'), a.attname, relation, e ->> 'role',
                  case when e ->> 'right' like '%*' then ' with grant option' else '' end)
      from tenancy.noted_list(note, 'columns') e
      join pg_attribute a on a.attrelid = relation and a.attname = e ->> 'column' and a.attnum > 0 and not a.attisdropped
     where e ->> 'role' in ('tenancy_user', 'tenancy_admin')
       and rtrim(e ->> 'right', '*') in ('insert', 'references', 'select', 'update');
end
$function$;
comment on function tenancy.rights_back(regclass, jsonb) is 'internal: the statements that give the two roles the rights of before';

create function tenancy.attributes_before(relation regclass, options jsonb) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select coalesce(jsonb_object_agg(a.attname, jsonb_build_object('nullable', not a.attnotnull, 'no_default', not a.atthasdef)), '{}')
    from pg_attribute a
   where a.attrelid = relation and a.attname in (options ->> 'column', options ->> 'owner_column')
$function$;
comment on function tenancy.attributes_before(regclass, jsonb) is 'internal: whether the tenant and owner columns may be NULL and have no default';

-- What the relation is before its first protection.
create function tenancy.state_before(relation regclass, options jsonb) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select jsonb_build_object(
    'row_security', c.relrowsecurity,
    'forced', c.relforcerowsecurity,
    'attributes', tenancy.attributes_before(relation, options),
    'tenancy_user', to_jsonb(tenancy.granted_on(relation, 'tenancy_user')),
    'tenancy_admin', to_jsonb(tenancy.granted_on(relation, 'tenancy_admin')),
    'columns', (select coalesce(jsonb_agg(jsonb_build_object('column', g.column_name, 'role', g.role_name, 'right', g.privilege)), '[]')
                  from tenancy.granted_on_columns(relation) g),
    'sequences', (select coalesce(jsonb_agg(jsonb_build_object('column', s.column_name, 'role', r.role_name, 'rights', r.rights)), '[]')
                    from tenancy.sequences_of(relation) s
                    cross join lateral (values ('tenancy_user', tenancy.granted_on(s.sequence, 'tenancy_user')),
                                               ('tenancy_admin', tenancy.granted_on(s.sequence, 'tenancy_admin'))) r (role_name, rights)
                   where r.rights <> '{}'))
  from pg_class c where c.oid = relation
$function$;
comment on function tenancy.state_before(regclass, jsonb) is 'internal: the facts that unprotect() goes back to';

revoke execute on function
  tenancy.granted_on(regclass, name), tenancy.granted_on_columns(regclass), tenancy.sequences_of(regclass),
  tenancy.wanted_rights(jsonb, name), tenancy.missing_rights(regclass, jsonb, boolean), tenancy.rights_back(regclass, jsonb),
  tenancy.state_before(regclass, jsonb), tenancy.attributes_before(regclass, jsonb)
from public;
grant execute on function
  tenancy.granted_on(regclass, name), tenancy.granted_on_columns(regclass), tenancy.sequences_of(regclass),
  tenancy.wanted_rights(jsonb, name), tenancy.missing_rights(regclass, jsonb, boolean), tenancy.rights_back(regclass, jsonb),
  tenancy.state_before(regclass, jsonb), tenancy.attributes_before(regclass, jsonb)
to pg_database_owner;
