#include "transcript.hpp"

#include <sstream>
#include <utility>

namespace warden::test {

void Figures::add(const Figures& other) {
  scripts += other.scripts;
  statements += other.statements;
  for (const auto& [kind, n] : other.kinds) kinds[kind] += n;
  for (const auto& [kind, n] : other.tried) tried[kind] += n;
  for (const auto& [code, n] : other.codes) codes[code] += n;
  for (const auto& [name, n] : other.callbacks) callbacks[name] += n;
  opcodes.insert(other.opcodes.begin(), other.opcodes.end());
}

std::string Figures::text() const {
  std::ostringstream out;
  out << "scripts\t" << scripts << "\nstatements\t" << statements << '\n';
  for (const auto& [kind, n] : kinds) out << "kind\t" << n << '\t' << kind << '\n';
  for (const auto& [kind, n] : tried) out << "tried\t" << n << '\t' << kind << '\n';
  for (const auto& [code, n] : codes) out << "code\t" << n << '\t' << code << '\n';
  for (const auto& [name, n] : callbacks) out << "callback\t" << n << '\t' << name << '\n';
  for (const auto& name : opcodes) out << "opcode\t1\t" << name << '\n';
  return out.str();
}

Figures Figures::of(const std::string& text) {
  Figures made;
  std::istringstream in(text);
  for (std::string what, rest; in >> what;) {
    std::int64_t n = 0;
    in >> n;
    std::getline(in, rest);
    if (!rest.empty()) rest.erase(0, 1);
    if (what == "scripts") made.scripts = n;
    if (what == "statements") made.statements = n;
    if (what == "kind") made.kinds[rest] = n;
    if (what == "tried") made.tried[rest] = n;
    if (what == "code") made.codes[std::stoi(rest)] = n;
    if (what == "callback") made.callbacks[rest] = n;
    if (what == "opcode") made.opcodes.insert(rest);
  }
  return made;
}

std::string Transcript::take() {
  if (!hidden_.empty()) {
    for (std::size_t at = 0; (at = text_.find(hidden_, at)) != std::string::npos;)
      text_.replace(at, hidden_.size(), "<dir>");
  }
  return std::exchange(text_, {});
}

}  // namespace warden::test
