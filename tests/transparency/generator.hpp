// Makes scripts: a host that creates tables of many shapes, fills and changes them, asks all kinds of questions, makes all
// kinds of mistakes, and uses what SQLite offers beside SQL.
//
// It keeps a rough model of the schema, so that most statements mean something; where the model is wrong a statement
// fails, which is as good. Nothing that it makes depends on the time or on chance.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "script.hpp"
#include "tests/jobs/job_random.hpp"

namespace warden::test {

/// The script of this seed: always the same.
Script make_script(std::uint64_t seed, Mode mode);

class Generator {
 public:
  Generator(std::uint64_t seed, Mode mode);
  Script make();

 private:
  struct Table {
    std::string name;
    std::vector<std::string> columns;
    bool has_rowid = true;
    bool is_view = false;
  };

  // The mix.
  void begin();
  void read_schema();
  void next();
  Step& add(Do what, const std::string& kind, const std::string& text = "");
  void add_sql(const std::string& kind, const std::string& sql);

  // Dice.
  std::size_t below(std::size_t n) { return random_.below(n); }
  bool one_in(std::size_t n) { return random_.one_in(n); }
  std::string one_of(std::initializer_list<const char*> texts);
  std::string number(std::size_t n) { return std::to_string(below(n)); }
  Bound value();

  // Names.
  const Table& some_table();
  std::string some_name() { return some_table().name; }
  std::string column_of(const Table& table);
  std::string columns_of(const Table& table);
  std::string new_name(const char* kind) { return kind + number(6); }

  // Schema.
  void create_table();
  void create_index();
  void create_view();
  void create_trigger();
  void create_virtual();
  void alter_or_drop();
  std::string column_definition(const std::string& name, bool strict);

  // Rows.
  void insert();
  void update_or_delete();
  void transaction();
  void full_text();
  void r_tree();
  void bulk();
  std::string returning(const Table& table);

  // Questions.
  void select();
  void recursive();
  void window();
  void json();
  void table_valued();
  void explain();
  std::string query();
  std::string literal();
  std::string expression(const Table& table, int depth);
  std::string condition(const Table& table) { return expression(table, 2); }

  // Everything else.
  void pragma();
  void maintenance();
  void attach();
  void mistake();
  void constraint();
  void host();
  void host_hook();
  void host_function();
  void host_object();
  void host_connection();
  void cursor();
  void two_connections();

  Random random_;
  Script script_;
  int connections_ = 1;  // in use
  int now_ = 0;          // whose turn it is
  std::vector<Table> tables_;
  std::vector<std::string> full_texts_, r_trees_, savepoints_;
  bool alone_ = false;  // no other connection has the files
};

}  // namespace warden::test
