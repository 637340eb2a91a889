-- For the demo's tour, where a newcomer tries to break in: any SQL, run as whoever is signed in. No application has use for
-- such a function. It adds no right: the statement runs with the caller's, in the caller's sealed transaction.

create function api.tour_statement(statement text) returns json
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
as $$
declare
    most_rows constant int := 200;
    found json[] := '{}'; -- json keeps the order of the columns
    line record;
    said text;
    way_out text;
begin
    if octet_length(statement) > 10000 then
        raise exception using
            errcode = 'program_limit_exceeded',
            message = 'the statement is too long';
    end if;
    begin
        for line in execute statement loop
            found := array_append(found, row_to_json(line));
            exit when cardinality(found) = most_rows;
        end loop;
    exception when invalid_cursor_definition then
        -- Not one query: a command, or several statements. Nothing of them has run yet.
        execute statement;
    end;
    return json_build_object('rows', array_to_json(found));
exception
    when insufficient_privilege then
        raise; -- a refusal goes the way of all refusals
    when others then
        -- Over HTTP only the kind of a mistake is told. Whoever types SQL needs the words of the database.
        get stacked diagnostics said = message_text, way_out = pg_exception_hint;
        return json_build_object('code', sqlstate, 'message', said, 'hint', nullif(way_out, ''));
end
$$;
comment on function api.tour_statement(text) is
    'For the tour of the demo: runs a statement as the caller, and gives its rows, or the error that is no refusal.';

-- How many rules there are, for the page that says that none of them found anything.
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

revoke execute on function api.tour_statement(text), api.check_rules() from public;
grant execute on function api.tour_statement(text) to tenancy_user, tenancy_admin;
grant execute on function api.check_rules() to tenancy_admin;
