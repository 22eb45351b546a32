// A tree of files in a fresh temporary directory, for code that reads files below a root. Gone when the object is.
//
//   FileTree tree;
//   tree.write("/proc/self/statm", "100 20 5 1 0 9 0\n");
//   Files files(tree.root());
//
// Thread-safety: none.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace warden::test {

class FileTree {
 public:
  FileTree() {
    std::string pattern = (std::filesystem::temp_directory_path() / "warden-tree-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make " + pattern);
    root_ = pattern;
  }
  ~FileTree() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  FileTree(const FileTree&) = delete;
  FileTree& operator=(const FileTree&) = delete;

  /// Without a slash at its end, as Files wants it.
  const std::string& root() const { return root_; }

  /// Where `path`, which begins with a slash, really is.
  std::string real(std::string_view path) const { return root_ + std::string(path); }

  /// Writes a file, and makes the directories above it.
  void write(std::string_view path, std::string_view content) const {
    std::filesystem::create_directories(std::filesystem::path(real(path)).parent_path());
    std::ofstream out(real(path), std::ios::binary | std::ios::trunc);
    out << content;
    if (!out.flush()) throw std::runtime_error("cannot write " + real(path));
  }

  std::string read(std::string_view path) const {
    std::ifstream in(real(path), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  void make_directory(std::string_view path) const { std::filesystem::create_directories(real(path)); }
  void remove(std::string_view path) const { std::filesystem::remove_all(real(path)); }

 private:
  std::string root_;
};

}  // namespace warden::test
