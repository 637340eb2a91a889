-- Puts the tenant into the keys that foreign_keys_of() and open_keys_of() list.

-- Rows that point at another tenant's; both tables' own operators, which need not be in any search_path.
create function tenancy.strangers_of(foreign_key oid, child_tenant name, parent_tenant name) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('select count(*) from %s%s c join %s%s p on %s where not p.%I operator(pg_catalog.=) c.%I',
    case cc.relkind when 'p' then '' else 'only ' end, k.conrelid::regclass,
    case pc.relkind when 'p' then '' else 'only ' end, k.confrelid::regclass,
    (select string_agg(format('p.%I operator(%I.%s) c.%I', pa.attname, n.nspname, o.oprname, ca.attname), ' and ')
       from unnest(k.conkey, k.confkey, k.conpfeqop) as u (child, parent, operator)
       join pg_attribute ca on ca.attrelid = k.conrelid and ca.attnum = u.child
       join pg_attribute pa on pa.attrelid = k.confrelid and pa.attnum = u.parent
       join pg_operator o on o.oid = u.operator
       join pg_namespace n on n.oid = o.oprnamespace),
    parent_tenant, child_tenant)
    from pg_constraint k
    join pg_class cc on cc.oid = k.conrelid
    join pg_class pc on pc.oid = k.confrelid
   where k.oid = foreign_key
$function$;
comment on function tenancy.strangers_of(oid, name, name) is 'internal: the query that counts the rows of a foreign key that point at another tenant''s row';

create function tenancy.run_foreign_key(child regclass, parent regclass, statement text, strangers text) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  relations regclass[] := array(select r from tenancy.with_children(child) r union select r from tenancy.with_children(parent) r);
  number bigint;
begin
  perform tenancy.run_on_rows(child, relations, statement);
exception when foreign_key_violation then
  number := tenancy.run_on_rows(child, relations, strangers);
  raise exception using
    errcode = 'foreign_key_violation',
    message = format('%s rows of table %s refer to rows of another tenant in %s', number, child, parent),
    detail = 'A foreign key with the tenant holds only where both rows are of one tenant.',
    hint = 'Give each row a parent of its own tenant, or none, then call again.';
end
$function$;
comment on function tenancy.run_foreign_key(regclass, regclass, text, text) is
  'internal: makes a foreign key, checked on all rows; counts those that point at another tenant''s row';

-- Whether a table has a unique key of exactly these columns, which a foreign key can refer to.
create function tenancy.has_unique(relation regclass, columns int2[]) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select exists (
    select from pg_index i
     where i.indrelid = relation and i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null and i.indexprs is null
       and array(select unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) order by 1) = array(select unnest(columns) order by 1))
$function$;
comment on function tenancy.has_unique(regclass, int2[]) is 'internal: whether a table has a unique key of exactly these columns';

-- Unique keys first, each with the foreign keys that refer to it; then the foreign keys that are left.
create function tenancy.make_keys(relations regclass[]) returns table (relation regclass, step text, statement text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  key record;
  foreign_key record;
  referring jsonb;
  referred int2[];
  key_name name;
begin
  for key in select k.* from tenancy.open_keys_of(relations) k loop
    relation := key.relation;
    statement := null;
    if key.obstacle is not null then
      step := format('left: key %I, %s', key.name, key.obstacle);
      return next;
      continue;
    end if;
    begin
      referring := '[]';
      for foreign_key in
        select f.*, tenancy.refounded(f.foreign_key, f.child_tenant, f.parent_tenant, false, true) as clause,
               tenancy.strangers_of(f.foreign_key, f.child_tenant, f.parent_tenant) as strangers
          from tenancy.foreign_keys_of(array[key.relation]) f
         where f.parent = key.relation and f.key_index = key.key_index
      loop
        referring := referring || jsonb_build_array(to_jsonb(foreign_key)
          || jsonb_build_object('child_oid', foreign_key.child::oid, 'comment', tenancy.comment_again(foreign_key.foreign_key)));
        execute format('alter table %s drop constraint %I', foreign_key.child, foreign_key.name);
      end loop;
      statement := tenancy.rekeyed(key.key_index, key.tenant_column, true);
      execute statement;
    exception when dependent_objects_still_exist then
      step := format('left: key %I, other objects depend on it', key.name);
      statement := null;
      return next;
      continue;
    end;
    step := 'key led by the tenant';
    perform tenancy.amend_note(relation, 'unique_keys', to_jsonb(key.name));
    return next;
    for foreign_key in
      select r.child_oid::regclass as child, r.name, r.clause, r.strangers, r.match_full, r.comment
        from jsonb_to_recordset(referring) as r (child_oid oid, name name, clause text, strangers text, match_full boolean, comment text)
    loop
      relation := foreign_key.child;
      step := 'foreign key with the tenant';
      statement := format('alter table %s %s', relation, foreign_key.clause) || foreign_key.comment;
      perform tenancy.run_foreign_key(relation, key.relation, statement, foreign_key.strangers);
      perform tenancy.amend_note(relation, 'foreign_keys', jsonb_build_object('name', foreign_key.name, 'full', foreign_key.match_full));
      return next;
    end loop;
  end loop;

  for foreign_key in select f.* from tenancy.foreign_keys_of(relations) f where not f.has_tenant loop
    if foreign_key.obstacle is not null then
      relation := foreign_key.child;
      step := format('left: foreign key %I, %s', foreign_key.name, foreign_key.obstacle);
      statement := null;
      return next;
      continue;
    end if;
    referred := array(select a.attnum from pg_attribute a join pg_constraint k on k.confrelid = a.attrelid
                       where k.oid = foreign_key.foreign_key and (a.attnum = any (k.confkey) or a.attname = foreign_key.parent_tenant));
    if not tenancy.has_unique(foreign_key.parent, referred) then
      relation := foreign_key.parent;
      key_name := tenancy.free_name(relation, 'tenancy_key');
      step := 'unique key for references';
      statement := format('alter table %s add constraint %I unique (%s)', relation, key_name,
        (select string_agg(quote_ident(a.attname), ', ' order by a.attname = foreign_key.parent_tenant desc, a.attnum)
           from pg_attribute a where a.attrelid = relation and a.attnum = any (referred)));
      execute statement;
      perform tenancy.amend_note(relation, 'made_keys', to_jsonb(key_name));
      return next;
    end if;
    relation := foreign_key.child;
    step := 'foreign key with the tenant';
    statement := format('alter table %s drop constraint %I, %s', relation, foreign_key.name,
        tenancy.refounded(foreign_key.foreign_key, foreign_key.child_tenant, foreign_key.parent_tenant, false, true))
      || tenancy.comment_again(foreign_key.foreign_key);
    perform tenancy.run_foreign_key(relation, foreign_key.parent, statement,
      tenancy.strangers_of(foreign_key.foreign_key, foreign_key.child_tenant, foreign_key.parent_tenant));
    perform tenancy.amend_note(relation, 'foreign_keys', jsonb_build_object('name', foreign_key.name, 'full', foreign_key.match_full));
    return next;
  end loop;
end
$function$;
comment on function tenancy.make_keys(regclass[]) is 'internal: puts the tenant into the unique and foreign keys of some protected tables; tells what it left, and why';

revoke execute on function
  tenancy.strangers_of(oid, name, name), tenancy.run_foreign_key(regclass, regclass, text, text),
  tenancy.has_unique(regclass, int2[]), tenancy.make_keys(regclass[])
from public;
grant execute on function
  tenancy.strangers_of(oid, name, name), tenancy.run_foreign_key(regclass, regclass, text, text),
  tenancy.has_unique(regclass, int2[]), tenancy.make_keys(regclass[])
to pg_database_owner;
