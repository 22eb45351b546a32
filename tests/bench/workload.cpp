#include "workload.hpp"

namespace warden::bench {
namespace {

constexpr std::int64_t kCustomers = 20'000;
constexpr std::int64_t kProducts = 2'000;
constexpr std::int64_t kOrders = 60'000;

std::string numbers(std::int64_t count) {
  return "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < " +
         std::to_string(count) + ") ";
}

/// The statements of the service, prepared once.
class Shop {
 public:
  explicit Shop(Database& database) : database_(database) {}

  /// A page that is shown to a customer: who it is, what was bought, what it was. One round is 9 look-ups.
  std::int64_t look_ups() {
    customer_.bind(1, draw(kCustomers)).run();
    for (int i = 0; i < 4; ++i) order_.bind(1, draw(kOrders)).run();
    for (int i = 0; i < 4; ++i) product_.bind(1, draw(kProducts)).run();
    return 9;
  }

  /// Lists: 100 orders by time, and 50 products by price.
  std::int64_t ranges() {
    recent_.bind(1, draw(kOrders)).run();
    priced_.bind(1, draw(900'00)).run();
    return 2;
  }

  /// A new order with three items, in a transaction that takes the stock and notes the customer.
  std::int64_t writes() {
    begin_.run();
    const std::int64_t customer = draw(kCustomers);
    add_order_.bind(1, customer).bind(2, 1'700'000'000 + draw(10'000'000)).run();
    const std::int64_t order = ::sqlite3_last_insert_rowid(database_.get());
    for (int i = 0; i < 3; ++i) {
      const std::int64_t product = draw(kProducts);
      add_item_.bind(1, order).bind(2, product).bind(3, draw(5)).run();
      take_stock_.bind(1, product).run();
    }
    touch_.bind(1, customer).run();
    commit_.run();
    return 10;
  }

  /// What one customer has ordered, with names and sums.
  std::int64_t joins() {
    history_.bind(1, draw(kCustomers)).run();
    bill_.bind(1, draw(kOrders)).run();
    return 2;
  }

  /// A report: turnover by category over a part of the orders.
  std::int64_t aggregates() {
    turnover_.bind(1, draw(kOrders - 2'000)).run();
    return 1;
  }

 private:
  std::int64_t draw(std::int64_t below) noexcept {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return static_cast<std::int64_t>((state_ >> 33) % static_cast<std::uint64_t>(below)) + 1;
  }

  Database& database_;
  std::uint64_t state_ = 7;
  Statement customer_{database_, "SELECT * FROM customers WHERE id = ?"};
  Statement order_{database_, "SELECT * FROM orders WHERE id = ?"};
  Statement product_{database_, "SELECT * FROM products WHERE id = ?"};
  Statement recent_{database_,
                    "SELECT id, customer_id, at, state FROM orders WHERE id >= ? ORDER BY id LIMIT 100"};
  Statement priced_{database_,
                    "SELECT id, name, price FROM products WHERE price >= ? ORDER BY price LIMIT 50"};
  Statement begin_{database_, "BEGIN IMMEDIATE"};
  Statement add_order_{database_, "INSERT INTO orders(customer_id, at, state) VALUES(?, ?, 'new')"};
  Statement add_item_{database_, "INSERT INTO items(order_id, product_id, quantity) VALUES(?, ?, ?)"};
  Statement take_stock_{database_, "UPDATE products SET stock = stock - 1 WHERE id = ?"};
  Statement touch_{database_, "UPDATE customers SET orders = orders + 1 WHERE id = ?"};
  Statement commit_{database_, "COMMIT"};
  Statement history_{
      database_,
      "SELECT o.id, o.at, p.name, i.quantity * p.price FROM orders o JOIN items i ON i.order_id = o.id"
      " JOIN products p ON p.id = i.product_id WHERE o.customer_id = ? ORDER BY o.at DESC"};
  Statement bill_{
      database_,
      "SELECT c.name, sum(i.quantity * p.price) FROM orders o JOIN customers c ON c.id = o.customer_id"
      " JOIN items i ON i.order_id = o.id JOIN products p ON p.id = i.product_id WHERE o.id = ?"};
  Statement turnover_{
      database_,
      "SELECT p.category, count(*), sum(i.quantity * p.price) FROM items i"
      " JOIN products p ON p.id = i.product_id WHERE i.order_id BETWEEN ?1 AND ?1 + 2000 GROUP BY 1"};
};

}  // namespace

void make_shop(Database& database) {
  database.run(
      "CREATE TABLE customers(id INTEGER PRIMARY KEY, name TEXT NOT NULL, mail TEXT NOT NULL, street TEXT, "
      "city TEXT,"
      " orders INTEGER NOT NULL DEFAULT 0);"
      "CREATE TABLE products(id INTEGER PRIMARY KEY, name TEXT NOT NULL, category TEXT NOT NULL, price "
      "INTEGER NOT NULL,"
      " stock INTEGER NOT NULL, description TEXT);"
      "CREATE TABLE orders(id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, at INTEGER NOT NULL, state "
      "TEXT NOT NULL);"
      "CREATE TABLE items(id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, product_id INTEGER NOT NULL,"
      " quantity INTEGER NOT NULL)");
  database.run(
      numbers(kCustomers) +
      "INSERT INTO customers SELECT i, 'customer ' || i, 'c' || i || '@example.org', i || ' Long Street',"
      " 'City ' || (i % 500), 0 FROM n");
  database.run(
      numbers(kProducts) +
      "INSERT INTO products SELECT i, 'product ' || i, 'category ' || (i % 25), (i * 7919) % 100000, 1000000,"
      " hex(zeroblob(150)) FROM n");
  database.run(numbers(kOrders) + "INSERT INTO orders SELECT i, (i * 7919) % " + std::to_string(kCustomers) +
               " + 1, 1700000000 + i * 60, 'sent' FROM n");
  database.run(numbers(3 * kOrders) + "INSERT INTO items SELECT i, (i + 2) / 3, (i * 104729) % " +
               std::to_string(kProducts) + " + 1, i % 5 + 1 FROM n");
  database.run(
      "CREATE INDEX products_price ON products(price); CREATE INDEX orders_customer ON orders(customer_id);"
      "CREATE INDEX items_order ON items(order_id); ANALYZE");
}

std::int64_t work(Database& database, Work kind, int rounds) {
  Shop shop(database);
  std::int64_t statements = 0;
  for (int round = 0; round < rounds; ++round) {
    switch (kind) {
      case Work::look_ups:
        statements += shop.look_ups();
        break;
      case Work::ranges:
        statements += shop.ranges();
        break;
      case Work::writes:
        statements += shop.writes();
        break;
      case Work::joins:
        statements += shop.joins();
        break;
      case Work::aggregates:
        statements += shop.aggregates();
        break;
      case Work::mixed:
        statements += shop.look_ups() + shop.ranges() + shop.joins();
        if (round % 5 == 0) statements += shop.writes();
        if (round % 20 == 0) statements += shop.aggregates();
        break;
    }
  }
  return statements;
}

}  // namespace warden::bench
