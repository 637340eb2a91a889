-- FOR THE DEMO ONLY: a hole made on purpose, for the page's tour. Visitors bring SQL of their own, as an attacker would who
-- has found an injection, and see that it stays in their tenant. No application should have this function; leave this file out.
--
-- SECURITY INVOKER: the text runs as the person asking, in the sealed transaction that his token has opened. How long it may
-- take is the gateway's --statement-timeout.

create function api.tour_statement(statement text) returns jsonb
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
as $$
declare
    most_rows constant integer := 100;
    most_bytes constant integer := 200000;
    answer refcursor;
    one record;
    told jsonb[] := '{}';
    bytes integer := 0;
    changed bigint;
begin
    if statement is null or length(statement) > 10000 then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = 'a statement has at most 10000 characters';
    end if;
    begin
        open answer for execute statement;
    exception when invalid_cursor_definition then
        -- Refused before anything of it ran: it gives no rows, or is several statements.
        answer := null;
    end;
    if answer is null then
        execute statement;
        get diagnostics changed = row_count;
        return jsonb_build_object('rows', '[]'::jsonb, 'rowCount', changed, 'truncated', false);
    end if;
    loop
        fetch answer into one;
        exit when not found or cardinality(told) >= most_rows or bytes > most_bytes;
        told := told || to_jsonb(one);
        bytes := bytes + pg_column_size(told[cardinality(told)]);
    end loop;
    return jsonb_build_object('rows', to_jsonb(told), 'rowCount', cardinality(told), 'truncated', found);
end
$$;
comment on function api.tour_statement(text) is
    'For the tour of the demo: runs SQL of the visitor''s own as the visitor, and tells at most 100 of its rows. What is refused is told as the database says it.';
revoke execute on function api.tour_statement(text) from public;
grant execute on function api.tour_statement(text) to tenancy_user, tenancy_admin;

-- The check cries, and rightly so. It stays listed, with the reason.
select tenancy.accept('dynamic_sql_concatenation', 'function api.tour_statement(text)',
    'The tour of the demo is about this hole: it shows that injected SQL stays in its tenant.');
