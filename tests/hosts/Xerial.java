// warden in Java with Xerial's driver: a pool of four connections, one of which loads it.

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;

class Xerial {
  static final String WARDEN = System.getenv("WARDEN");
  static final String JOBS = System.getenv("JOBS");
  static final long JOB_COUNT = Long.parseLong(System.getenv("JOB_COUNT"));
  static final String SCAN = "SELECT count(*), sum(length(hex(resources))) FROM job";
  static final String ENDLESS = "SELECT count(*) FROM job a, job b, job c";
  static final String COUNT = "SELECT count(*) FROM warden_connections";
  static final String OTHERS = " FROM warden_connections WHERE connection_id <> warden_connection_id()";
  static final String OF_ENDLESS = " FROM warden_connections WHERE state = 'active' AND sql = '" + ENDLESS + "'";
  static boolean failed = false;

  interface Condition {
    boolean holds() throws Exception;
  }

  static void point(String name, boolean good, String seen) {
    failed |= !good;
    System.out.println(name + "\t" + (good ? "passed" : "failed") + "\t" + seen);
  }

  static Connection connection() throws SQLException {
    return DriverManager.getConnection("jdbc:sqlite:" + JOBS);
  }

  static String text(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement(); ResultSet row = statement.executeQuery(sql)) {
      return row.next() ? row.getString(1) : null;
    }
  }

  static long number(Connection connection, String sql) throws SQLException {
    return Long.parseLong(text(connection, sql));
  }

  /** The message of the error that the statement ends with. */
  static String error(Connection connection, String sql) {
    try {
      return "it ended by itself: " + text(connection, sql);
    } catch (SQLException error) {
      return error.getErrorCode() + " " + error.getMessage();
    }
  }

  static long resident() throws Exception {
    return 4096 * Long.parseLong(Files.readString(Path.of("/proc/self/statm")).split(" ")[1]);
  }

  /** Waits until it is true; what never comes true is no better after a minute. */
  static boolean eventually(Condition condition) throws Exception {
    for (long end = System.currentTimeMillis() + 60_000; System.currentTimeMillis() < end; Thread.sleep(5)) {
      if (condition.holds()) return true;
    }
    return false;
  }

  public static void main(String[] arguments) throws Exception {
    // [load]
    Properties properties = new Properties();
    properties.setProperty("enable_load_extension", "true");
    Connection first = DriverManager.getConnection("jdbc:sqlite:" + JOBS, properties);
    first.createStatement().execute("SELECT load_extension('" + WARDEN + "')");
    // [end]
    System.out.println("host\t" + System.getProperty("java.version") + ", driver " + first.getMetaData().getDriverVersion());
    System.out.println("sqlite\t" + text(first, "SELECT sqlite_version()") + "\t"
        + text(first, "SELECT json_extract(warden_debug(), '$.sqlite_image')"));
    point("load", text(first, "SELECT warden_version()") != null, "");

    List<Connection> others = new ArrayList<>();
    for (int i = 0; i < 3; ++i) others.add(connection());
    point("pool", number(first, COUNT) == 4, "");

    text(first, "SELECT warden_set('idle_keep', '1MB'), warden_set('idle_grace_ms', 100), warden_set('trim', 'always')");
    long before = resident();
    long scanned = 0;
    for (Connection connection : others) {
      try (Statement statement = connection.createStatement()) {
        statement.execute("PRAGMA cache_size = -100000");
      }
      scanned = number(connection, SCAN);
    }
    point("scan", scanned == JOB_COUNT && number(first, "SELECT job_count(NULL)") == JOB_COUNT, "");

    boolean back = eventually(
        () -> number(first, "SELECT sum(cache_bytes)" + OTHERS) < 2_000_000 && resident() < before + 40_000_000);
    long released = number(first, "SELECT sum(released_bytes)" + OTHERS);
    point("memory", back && released > 100_000_000, released / 1_000_000 + " MB");

    // A deadline, for this connection's statements.
    text(others.get(0), "SELECT warden_timeout(100)");
    String inTime = error(others.get(0), ENDLESS);
    point("deadline", inTime.startsWith("9 "), inTime);

    // A statement of another thread: seen, and ended.
    CompletableFuture<String> ended = CompletableFuture.supplyAsync(() -> error(others.get(1), ENDLESS));
    point("watch", eventually(() -> number(first, "SELECT count(*)" + OF_ENDLESS) == 1), "");
    boolean cancelled = number(first, "SELECT warden_cancel(connection_id, statement_seq)" + OF_ENDLESS) == 1;
    point("cancel", cancelled && ended.get().startsWith("9 "), ended.get());

    for (Connection connection : others) connection.close();
    boolean alone = number(first, COUNT) == 1;
    first.close();
    Connection again = connection();
    point("close", alone && number(again, COUNT) == 1, "");
    again.close();
    System.exit(failed ? 1 : 0);
  }
}
