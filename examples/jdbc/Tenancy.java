// Java with JDBC and HikariCP: sign in once, then each transaction begins with the token.

// docs/clients.md: begin
import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.sql.*;
import java.util.ArrayList;
import java.util.List;

final class Tenancy {
    interface Work<T> { T run(Connection connection) throws SQLException; }
    record User(String token, String tenant) { }

    static final HikariDataSource POOL = new HikariDataSource(config());

    private static HikariConfig config() {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(System.getenv("JDBC_DATABASE_URL"));
        config.setAutoCommit(false);
        return config;
    }

    static User signIn(String name, String password, String address) throws SQLException {
        try (Connection connection = POOL.getConnection();
             PreparedStatement login = connection.prepareStatement(
                 "select token, tenant_id from tenancy.login(?, ?, jsonb_build_object('address', ?::text))")) {
            login.setString(1, name);
            login.setString(2, password);
            login.setString(3, address);
            try (ResultSet user = login.executeQuery()) {
                user.next();
                User found = new User(user.getString("token"), user.getString("tenant_id"));
                connection.commit(); // else the session is rolled back with the rest
                return found;
            }
        }
    }

    static <T> T transaction(String token, Work<T> work) throws SQLException {
        try (Connection connection = POOL.getConnection()) { // closing it rolls back what was not committed
            try (PreparedStatement attach = connection.prepareStatement("select tenancy.attach(?)")) {
                attach.setString(1, token);
                attach.execute();
            }
            T result = work.run(connection);
            connection.commit();
            return result;
        }
    }

    static List<Long> patients(String token) throws SQLException {
        return transaction(token, connection -> {
            try (Statement statement = connection.createStatement();
                 ResultSet rows = statement.executeQuery("select id from app.patients order by id")) {
                List<Long> ids = new ArrayList<>();
                while (rows.next()) ids.add(rows.getLong("id"));
                return ids;
            }
        });
    }

    static int statusOf(SQLException error) {
        return switch (String.valueOf(error.getSQLState())) {
            case "28P01", "28000" -> 401;
            case "53400" -> 429;
            case "42501" -> 403;
            default -> 500;
        };
    }
}
// docs/clients.md: end
