//! The container's image, as far as its Dockerfile shows: the user, and that nothing in it needs a shell.

use crate::hold;
use crate::tree::file;

const IMAGE: &str = "deploy/Dockerfile";

#[test]
fn the_image_runs_as_nobody_special_and_without_a_shell() {
    let text = file(IMAGE).map_or("", |file| &file.text);
    let whole = text.replace("\\\n", " ");
    // Only the last stage becomes the image.
    let last = whole.rsplit("\nFROM ").next().unwrap_or_default();
    let instruction = |name: &str| last.lines().rfind(|line| line.starts_with(&format!("{name} ")));
    let user = instruction("USER").and_then(|line| line[5..].split(':').next()?.trim().parse::<u32>().ok());
    let checks = [
        ("a first line that says where it was run", text.starts_with("# Not run here: ")),
        ("a user with a number, not root", user.is_some_and(|user| user > 0)),
        ("nothing to be run while the last stage is built", instruction("RUN").is_none()),
        (
            "an entry point without a shell",
            instruction("ENTRYPOINT").is_some_and(|line| line.ends_with("[\"apiary\"]")),
        ),
        ("a command without a shell", instruction("CMD").is_some_and(|line| line.starts_with("CMD [\""))),
        (
            "a health check by apiary",
            instruction("HEALTHCHECK").is_some_and(|line| line.contains(" CMD [\"apiary\", ")),
        ),
        ("the licence", last.contains("/LICENSE ")),
    ];
    let faults: Vec<String> =
        checks.iter().filter(|(_, holds)| !holds).map(|(what, _)| format!("{IMAGE} lacks {what}")).collect();
    hold("whoever breaks into the container must find as little as possible", &faults);
}
