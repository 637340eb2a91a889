import java.sql.*;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** What the test runs: the example as somebody would use it, and what it must not do. One line for each fact. */
final class Scenario {
    private interface Attempt { void run() throws SQLException; }

    private static final Set<Integer> connections = new HashSet<>();

    public static void main(String[] arguments) throws SQLException {
        Tenancy.User user = Tenancy.signIn("t3 user2", "user", "192.0.2.1");
        Tenancy.User other = Tenancy.signIn("t1 user1", "user", "192.0.2.1");
        say("tenant", user.tenant());
        say("own rows", ids(Tenancy.patients(user.token())));
        say("after a commit", left());
        say("another tenant's rows", ids(Tenancy.patients(other.token())));
        say("without attach", refusal(() -> execute("select id from app.patients")));

        try {
            Tenancy.transaction(user.token(), connection -> {
                try (Statement statement = connection.createStatement();
                     ResultSet row = statement.executeQuery("insert into app.patients (first_name, last_name, dob)"
                         + " values ('New', 'Doe', '2000-01-01') returning tenant_id")) {
                    row.next();
                    say("a new row has tenant", row.getString(1));
                }
                throw new IllegalStateException("a mistake of the application");
            });
        } catch (IllegalStateException expected) {
            say("after a rollback", left());
        }
        say("rows after a rollback", ids(Tenancy.patients(user.token())));

        say("a row of another tenant's", refusal(() -> Tenancy.transaction(user.token(), connection -> {
            try (Statement statement = connection.createStatement()) {
                return statement.executeUpdate("update app.patients set tenant_id = 1");
            }
        })));
        say("after an error", left());

        execute("select tenancy.logout('" + user.token() + "')");
        say("signed out", refusal(() -> Tenancy.patients(user.token())));
        say("after a refused attach", left());
        say("connections", String.valueOf(connections.size()));
        say("wrong password", refusal(() -> Tenancy.signIn("t3 user2", "wrong", "192.0.2.1")));
        say("too many attempts", refusal(() -> Tenancy.signIn("t5 user2", "user", "192.0.2.1")));
        Tenancy.POOL.close();
    }

    private static void say(String fact, String value) { System.out.println(fact + ": " + value); }

    private static String ids(List<Long> ids) {
        return ids.stream().map(String::valueOf).collect(Collectors.joining(" "));
    }

    private static String refusal(Attempt attempt) {
        try {
            attempt.run();
            return "nothing";
        } catch (SQLException error) {
            return error.getSQLState() + " " + Tenancy.statusOf(error);
        }
    }

    private static void execute(String sql) throws SQLException {
        try (Connection connection = Tenancy.POOL.getConnection(); Statement statement = connection.createStatement()) {
            statement.execute(sql);
            connection.commit();
        }
    }

    private static String left() throws SQLException {
        try (Connection connection = Tenancy.POOL.getConnection();
             Statement statement = connection.createStatement();
             ResultSet row = statement.executeQuery(
                 "select current_setting('tenancy.tenant_id') || '|' || current_user, pg_backend_pid()")) {
            row.next();
            connections.add(row.getInt(2));
            return row.getString(1);
        }
    }
}
