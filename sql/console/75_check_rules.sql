-- How many rules there are, for the page that says that none of them has found anything.
create function api.check_rules() returns table (severity text, rule text, hole text)
    language plpgsql stable rows 100
    security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform app.require_admin();
    return query select r.severity, r.name::text, r.title from tenancy.rule r order by r.name;
end
$$;
comment on function api.check_rules() is 'For admins: what findings looks for.';
revoke execute on function api.check_rules() from public;
grant execute on function api.check_rules() to tenancy_admin;
