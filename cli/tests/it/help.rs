//! Help texts and mistakes on the command line, word for word.

#[test]
fn help_and_mistakes_read_as_written() {
    trycmd::TestCases::new()
        .register_bin("apiary", std::path::Path::new(env!("CARGO_BIN_EXE_apiary")))
        .case("tests/cmd/*.toml")
        .case("tests/cmd/*.trycmd");
}
