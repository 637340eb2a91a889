-- Rules: is every table with tenants' rows protected, and wholly?

select tenancy.define_rule('rls_not_forced', 'critical', 'a protected table whose owner is not held');
create function tenancy.rule_rls_not_forced() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select p.relation::text,
         format('whoever runs a statement as the owner %I (a migration, a SECURITY DEFINER function) sees and changes the rows of all tenants', pg_get_userbyid(p.relowner)),
         format('alter table %s force row level security', p.relation)
    from tenancy.protection p
    join pg_class c on c.oid = p.relation
   where p.kind = 'tenant' and c.relrowsecurity and not c.relforcerowsecurity
$function$;
