-- tenancy.why_write(): its answer is compared with what the statement really does, case by case.

select plan(97);
select tests.open('a', 'shop_gateway');
select tests.open('own', 'shop_owner');

create table shop.bill (
  id int primary key,
  tenant_id bigint,
  state text not null default 'draft',
  amount numeric,
  due date default now()
);
insert into shop.bill (id, tenant_id, state) values (1, 1, 'draft'), (2, 2, 'draft'), (3, 1, 'sent');
select count(*) from tenancy.protect('shop.bill');
create table shop.ticket (id serial primary key, tenant_id bigint, "Title" text);
insert into shop.ticket (tenant_id, "Title") values (1, 'x');
select count(*) from tenancy.protect('shop.ticket');
create table shop.draft (id int primary key, tenant_id bigint, owner_id bigint);
insert into shop.draft select n, 1, a.id from shop.account a, (values (1, 'ann'), (2, 'fay')) v (n, name) where a.user_name = v.name;
select count(*) from tenancy.protect('shop.draft');
alter policy tenancy_tenant on shop.draft using ((tenant_id = tenancy.tenant_bigint()) and (owner_id = tenancy.user_bigint()))
  with check ((tenant_id = tenancy.tenant_bigint()) and (owner_id = tenancy.user_bigint()));
alter policy tenancy_wall on shop.draft using ((tenant_id = tenancy.tenant_bigint()) and (owner_id = tenancy.user_bigint()))
  with check ((tenant_id = tenancy.tenant_bigint()) and (owner_id = tenancy.user_bigint()));
alter table shop.draft alter owner_id set default tenancy.user_bigint();

create table shop.currency (code text primary key);
insert into shop.currency values ('EUR');
select count(*) from tenancy.protect('shop.currency', reference => true);
create table shop.template (id int primary key, tenant_id bigint);
insert into shop.template values (1, 1), (2, null);
select count(*) from tenancy.protect('shop.template', shared => true);

-- Policies of the application, of every shape.
create policy only_drafts_begin on shop.bill as restrictive for insert to public with check (state = 'draft');
create policy only_drafts_change on shop.bill as restrictive for update to public using (state = 'draft') with check (state in ('draft', 'sent'));
create policy only_drafts_go on shop.bill as restrictive for delete to public using (state = 'draft');
create policy small_bills on shop.bill as restrictive for all to tenancy_user
  using (not exists (select from (values (1000)) limits (most) where bill.amount > limits.most));
create policy titled on shop.ticket as restrictive for insert to public with check (((ticket.*)::text) like '%title%');

create temporary table tried (user_name text, statement text, question text, reasons text);
insert into tried (user_name, statement, question, reasons) values
  -- inserts
  ('ann', $$insert into shop.bill (id) values (10)$$, $$'shop.bill', '{"id": 10}'$$, 'allowed'),
  ('ann', $$insert into shop.bill (id, tenant_id) values (10, 1)$$, $$'shop.bill', '{"id": 10, "tenant_id": 1}'$$, 'allowed'),
  ('ann', $$insert into shop.bill (id, tenant_id) values (10, '01')$$, $$'shop.bill', '{"id": 10, "tenant_id": "01"}'$$, 'allowed'),
  ('ann', $$insert into shop.bill (id, tenant_id) values (10, 2)$$, $$'shop.bill', '{"id": 10, "tenant_id": 2}'$$, 'other_tenant'),
  ('ann', $$insert into shop.bill (id, tenant_id) values (10, null)$$, $$'shop.bill', '{"id": 10, "tenant_id": null}'$$, 'tenant_null'),
  ('ann', $$insert into shop.bill (id, state) values (10, 'sent')$$, $$'shop.bill', '{"id": 10, "state": "sent"}'$$, 'policy not_tried'),
  ('ann', $$insert into shop.bill (id, amount) values (10, 999)$$, $$'shop.bill', '{"id": 10, "amount": 999}'$$, 'allowed'),
  ('ann', $$insert into shop.bill (id, amount) values (10, 1001)$$, $$'shop.bill', '{"id": 10, "amount": 1001}'$$, 'policy not_tried'),
  ('ann', $$insert into shop.bill (id, tenant_id, state) values (10, 2, 'sent')$$, $$'shop.bill', '{"id": 10, "tenant_id": 2, "state": "sent"}'$$, 'other_tenant policy not_tried'),
  ('ann', $$insert into shop.ticket ("Title") values ('a title')$$, $$'shop.ticket', '{"Title": "a title"}'$$, 'allowed'),
  ('ann', $$insert into shop.ticket ("Title") values ('untold')$$, $$'shop.ticket', '{"Title": "untold"}'$$, 'policy not_tried'),
  ('ann', $$insert into shop.tenant (id, name) values (1000, 'x')$$, $$'shop.tenant', '{"id": 1000, "name": "x"}'$$, 'read_only'),
  ('ann', $$insert into shop.account (user_name) values ('x')$$, $$'shop.account', '{"user_name": "x"}'$$, 'missing_grant'),
  ('ann', $$insert into shop.draft (id) values (10)$$, $$'shop.draft', '{"id": 10}'$$, 'allowed'),
  ('ann', $$insert into shop.draft (id, owner_id) values (10, 99)$$, $$'shop.draft', '{"id": 10, "owner_id": 99}'$$, 'other_user'),
  ('ann', $$insert into shop.currency values ('USD')$$, $$'shop.currency', '{"code": "USD"}'$$, 'read_only'),
  ('ann', $$insert into shop.template (id) values (10)$$, $$'shop.template', '{"id": 10}'$$, 'allowed'),
  ('ann', $$insert into shop.template values (10, null)$$, $$'shop.template', '{"id": 10, "tenant_id": null}'$$, 'tenant_null'),
  ('cyd', $$insert into shop.bill (id) values (10)$$, $$'shop.bill', '{"id": 10}'$$, 'no_tenant'),
  ('eve', $$insert into shop.bill (id) values (10)$$, $$'shop.bill', '{"id": 10}'$$, 'tenant_null'),
  ('eve', $$insert into shop.bill (id, tenant_id) values (10, 2)$$, $$'shop.bill', '{"id": 10, "tenant_id": 2}'$$, 'allowed'),
  -- updates
  ('ann', $$update shop.bill set amount = 5 where id = 1$$, $$'shop.bill', '{"amount": 5}', '{"id": 1}'$$, 'allowed'),
  ('ann', $$update shop.bill set state = 'sent' where id = 1$$, $$'shop.bill', '{"state": "sent"}', '{"id": 1}'$$, 'allowed'),
  ('ann', $$update shop.bill set state = 'paid' where id = 1$$, $$'shop.bill', '{"state": "paid"}', '{"id": 1}'$$, 'policy'),
  ('ann', $$update shop.bill set tenant_id = 2 where id = 1$$, $$'shop.bill', '{"tenant_id": 2}', '{"id": 1}'$$, 'other_tenant'),
  ('ann', $$update shop.bill set tenant_id = null where id = 1$$, $$'shop.bill', '{"tenant_id": null}', '{"id": 1}'$$, 'tenant_null'),
  ('ann', $$update shop.draft set owner_id = 99 where id = 1$$, $$'shop.draft', '{"owner_id": 99}', '{"id": 1}'$$, 'other_user'),
  ('ann', $$update shop.tenant set name = 'x' where id = 1$$, $$'shop.tenant', '{"name": "x"}', '{"id": 1}'$$, 'read_only'),
  ('eve', $$update shop.bill set tenant_id = 1 where id = 2$$, $$'shop.bill', '{"tenant_id": 1}', '{"id": 2}'$$, 'allowed'),
  -- deletes
  ('ann', $$delete from shop.bill where id = 1$$, $$'shop.bill', null, '{"id": 1}'$$, 'allowed'),
  ('ann', $$delete from shop.tenant where id = 1$$, $$'shop.tenant', null, '{"id": 1}'$$, 'read_only');
select is(tests.sqlstate_as('a', user_name, statement) = '00000', reasons = 'allowed', format('as %s the statement does what the case says: %s', user_name, statement)) from tried;
select is(tests.tell_as('a', user_name, format('select string_agg(reason, '' '') from tenancy.why_write(%s) where reason <> ''not_protected''', question)), reasons, format('and why_write(%s) says so', question)) from tried;

-- Rows that are not there for the statement give no error: no row is changed.
select is(tests.tell_as('a', 'ann', $$update shop.bill set amount = 5 where id = 2$$), 'UPDATE 0', 'a row of others is not updated');
select is(tests.tell_as('a', 'ann', $$select string_agg(reason, ' ') from tenancy.why_write('shop.bill', '{"amount": 5}', '{"id": 2}')$$), 'not_yours_or_not_there', 'and is not his or not there');
select is(tests.tell_as('a', 'ann', $$select string_agg(reason, ' ') from tenancy.why_write('shop.bill', null, '{"id": 22}')$$), 'not_yours_or_not_there', 'as one that is not there');
select is(tests.tell_as('a', 'ann', $$update shop.bill set amount = 5 where id = 3$$), 'UPDATE 0', 'a row of his own that a policy keeps from changes is not updated');
select is(tests.tell_as('a', 'ann', $$select explanation from tenancy.why_write('shop.bill', '{"amount": 5}', '{"id": 3}')$$), 'The restrictive policy only_drafts_change says no.', 'and the policy is named, for he sees the row');
select is(tests.tell_as('a', 'ann', $$select explanation from tenancy.why_write('shop.bill', null, '{"id": 3}')$$), 'The restrictive policy only_drafts_go says no.', 'by the command');
select is(tests.tell_as('a', 'ann', $$select string_agg(reason, ' ') from tenancy.why('shop.template', 2)$$), 'visible', 'a shared row is seen');
select is(tests.tell_as('a', 'ann', $$delete from shop.template where id = 2$$), 'DELETE 0', 'and not deleted');
select is(tests.tell_as('a', 'ann', $$select string_agg(distinct reason, ' ') from tenancy.why_write('shop.template', null, '{"id": 2}')$$), 'policy', 'by a policy');
select is(tests.tell_as('a', 'ann', $$select string_agg(reason, ' ') from tenancy.why('shop.currency', 'EUR')$$), 'visible', 'a row of a reference table is seen');
-- A key that others have: told by the statement itself where the schema lets it, never by the question.
select is(tests.tell_as('a', 'ann', $$select string_agg(reason, ' ') from tenancy.why_write('shop.bill', '{"id": 2}')$$), tests.tell_as('a', 'ann', $$select string_agg(reason, ' ') from tenancy.why_write('shop.bill', '{"id": 22}')$$), 'a key that another tenant has is answered as a free one');

-- Rights, each with the grant that mends it.
create function tests.mend_of(question text) returns text language sql as $$select tests.tell_as('a', 'ann', 'select hint from tenancy.why_write(' || question || ') where reason = ''missing_grant''')$$;
revoke usage on sequence shop.ticket_id_seq from tenancy_user;
select is(tests.sqlstate_as('a', 'ann', $$insert into shop.ticket ("Title") values ('a title')$$), '42501', 'without its sequence an insert is refused');
select tests.mend_of($$'shop.ticket', '{"Title": "a title"}'$$) as mend \gset
:mend;
select is(tests.sqlstate_as('a', 'ann', $$insert into shop.ticket ("Title") values ('a title')$$), '00000', 'the hint mends it');
revoke update on shop.bill from tenancy_user;
grant update (state) on shop.bill to tenancy_user;
select tests.mend_of($$'shop.bill', '{"amount": 5}', '{"id": 1}'$$) as mend \gset
select is(:'mend'::text, 'grant update (amount) on shop.bill to tenancy_user', 'a missing right on a column is named');
:mend;
select is(tests.sqlstate_as('a', 'ann', $$update shop.bill set amount = 5 where id = 1$$), '00000', 'the hint mends it');
revoke delete on shop.bill from tenancy_user;
select tests.mend_of($$'shop.bill', null, '{"id": 1}'$$) as mend \gset
select is(:'mend'::text, 'grant delete on shop.bill to tenancy_user', 'a missing right to delete is named');
revoke select on shop.bill from tenancy_user;
grant select (id) on shop.bill to tenancy_user;
select matches(tests.tell_as('a', 'ann', $$select explanation from tenancy.why_write('shop.bill', '{"state": "sent"}', '{"id": 1}')$$), 'policies were not tried', 'where the old row cannot be read whole, that is said');

-- The errors themselves point here.
create function tests.hint_as(user_name text, statement text) returns text language plpgsql as $$
declare
  answer text;
begin
  perform tests.begin_as('a', user_name);
  select hint into answer from tests.try('a', statement);
  perform tests.tell('a', 'rollback');
  return answer;
end$$;
select matches(tests.hint_as('ann', $$insert into shop.bill (id, tenant_id) values (10, 2)$$), 'tenancy\.why_write', 'an error of a policy carries the hint to ask');
select matches(tests.hint_as('ann', $$insert into shop.draft (id, owner_id) values (10, 99)$$), 'tenancy\.why_write', 'whichever policy it is');
select matches(tests.hint_as('ann', $$select * from shop.account$$), 'tenancy\.why', 'an error of a missing right, too');
select is(tests.hint_as('ann', $$do $d$begin perform 1 from shop.account; exception when others then null; end$d$; $$) ~ 'why', false, 'others have their own hint');
select is((tests.try('a', 'select * from shop.account')).hint ~ 'no tenant context', true, 'and outside a context the hint is that there is none');
select is((tests.try('a', 'select 1/0')).hint, '', 'while the server''s other errors are as they were');
drop function tests.hint_as(text, text);

-- Who is not held, and who has no context.
select is(tests.tell('own', $$select string_agg(reason, ' ') from tenancy.why_write('shop.patient', '{"name": "x", "tenant_id": 2}')$$), 'no_context', 'the owner needs a context too');
select matches((select explanation from tenancy.why_write('shop.bill', '{"id": 10, "tenant_id": 2}')), 'superusers', 'a superuser is not held, and told so');
select is((select string_agg(reason, ' ') from tenancy.why_write('shop.bill', '{"id": 10}')), 'tenant_null', 'nor has a tenant to default to');
select is((select string_agg(reason, ' ') from tenancy.why_write('shop.account', '{"user_name": "x"}')), 'allowed not_protected', 'a table that is not protected is called so');

-- Nothing changes.
begin;
select count(*) from tenancy.why_write('shop.ticket', '{}');
select count(*) from tenancy.why_write('shop.bill', null, '{"id": 1}');
select is(pg_current_xact_id_if_assigned(), null, 'a question writes nothing');
rollback;
select last_value as before from shop.ticket_id_seq \gset
select tests.tell_as('a', 'ann', $$select count(*) from tenancy.why_write('shop.ticket', '{"Title": "a title"}')$$);
select is((select last_value from shop.ticket_id_seq), :before::bigint, 'and draws nothing from a sequence');

select throws_ok(question, code, null, question)
  from (values ($$select tenancy.why_write('shop.bill', null)$$, '22004'), ($$select tenancy.why_write(null, '{}')$$, '22004'), ($$select tenancy.why_write('shop.bill', '[]')$$, '22023'),
               ($$select tenancy.why_write('shop.bill', '{"nothing": 1}')$$, '42703'), ($$select tenancy.why_write('shop.bill', '{}', '{"nothing": 1}')$$, '42703'), ($$select tenancy.why_write('shop.accounts', '{}')$$, '42809')) as v (question, code);

drop function tests.mend_of(text);
drop table shop.bill, shop.ticket, shop.draft, shop.currency, shop.template;
select * from finish();
