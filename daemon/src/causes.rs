//! Errors in words.

use std::error::Error;

/// Returns an error's words followed by those of its causes, each that the words before do not hold already.
pub fn with_causes(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        source = cause.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use std::fmt;
    use std::io;

    use super::*;

    #[derive(Debug)]
    struct Outer(&'static str, io::Error);

    impl fmt::Display for Outer {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str(self.0)
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.1)
        }
    }

    #[test]
    fn causes_are_told_once() {
        let cause = || io::Error::other("refused");
        assert_eq!(with_causes(&Outer("no answer", cause())), "no answer: refused");
        assert_eq!(with_causes(&Outer("the server refused it", cause())), "the server refused it");
        assert_eq!(with_causes(&cause()), "refused");
    }
}
