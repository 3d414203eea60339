//! The default set: patterns of commands that no service which runs commands for others should accept.
//!
//! Covers only functions named like a shell, so that ordinary texts elsewhere are not refused. It catches widely known
//! attacks and is no complete protection: a user who may run any command can avoid any pattern. Strict rules need
//! `allow`.

use std::collections::BTreeMap;

use apiary_identity::{FieldPattern, GuardRule};

use super::compile::matches;

/// Names of functions that run commands.
const FUNCTIONS: [&str; 20] = [
    "shell*",
    "Shell*",
    "sh",
    "sh.*",
    "bash*",
    "Bash*",
    "zsh*",
    "powershell*",
    "cmd*",
    "command*",
    "exec*",
    "run_command*",
    "run-command*",
    "runCommand*",
    "run_shell*",
    "run_script*",
    "terminal*",
    "subprocess*",
    "system",
    "ssh*",
];

/// Parts shared by patterns, by their placeholder.
const PARTS: [(&str, &str); 8] = [
    // Start of a command: at the beginning, after a separator, or after a command that runs another one.
    (
        "<start>",
        r"(?:^|[;&|(){}`!\n]|sh\s(?:-\S+\s)*-[a-z]*c\s|-exec\s)\s*(?:(?:then|do|else|exec|eval|nohup|time|command|builtin|xargs|env|watch|nice)\s+)*(?:[A-Z_]\w*=\S*\s+)*(?:\S*/)?",
    ),
    // Start of a word.
    ("<word>", r"(?:^|[^\w.-])"),
    // End of a word.
    ("<end>", r#"(?:$|[\s;&|)}\]`'",])"#),
    // Further words of the same command.
    ("<more>", r"\s(?:[^;&|\n]*\s)?"),
    // The recursive option.
    ("<recursive>", r"(?:-[a-z]*r[a-z]*|--recursive)"),
    // The root of the file system, or a folder that a system lives in.
    (
        "<root>",
        r"(?:/[/.*]*|(?:/\S*)?/\.\.(?:/\S*)?|[a-z]:[/\\]?\*?|/(?:etc|usr|usr/local|bin|sbin|lib|lib64|boot|dev|proc|sys|system|library|applications)/?\*?)",
    ),
    // A home folder, or a folder with data of many users or services.
    (
        "<home>",
        r"(?:~[\w-]*/?\*?|\$\{?HOME[^}/\s]*\}?/?\*?|/(?:root|home|users|home/[^/\s]+|users/[^/\s]+|var|var/lib|opt)/?\*?)",
    ),
    // A shell that reads commands from its input.
    (
        "<shell>",
        r"(?:(?:sudo|doas|env|nohup|exec|xargs)\s+(?:-\S+\s+)*)*(?:\S*/)?(?:(?:ba|z|da|k|a|c|tc|fi)?sh(?:\s+-|\s*[;&|)}<>`\n]|\s*$)|(?:python[\d.]*|perl|ruby|node|php)\s*(?:-\s*)?(?:[;&|)}\n]|$))",
    ),
];

/// Denied patterns, by name. White space, quotes, `$IFS` and the like need no care here: each pattern is also tried on
/// the text as a shell reads it.
const DENIED: &[(&str, &[&str])] = &[
    (
        "recursive_delete",
        &[
            r"<word>rm<more><recursive><more>(?:<root>|<home>)<end>",
            r"<word>rm<more>(?:<root>|<home>)<more><recursive><end>",
            r"--no-preserve-root",
            r"<word>find\s+(?:<root>|<home>)(?:\s+-(?:type|mindepth|maxdepth)\s+\S+|\s+-(?:xdev|depth|mount))*\s+(?:-delete|-exec\s+\S*rm\s|\|\s*xargs\s[^\n]*rm\s)",
            r"<word>mv<more>(?:<root>|<home>)\s+/dev/null",
            r"<word>ch(?:mod|own|grp)<more><recursive><more><root><end>|<word>chmod\s+(?:0?777|[augo]*\+rwx)\s+<root><end>",
            r"(?:rmtree|rm_rf|rimraf|rmsync)\s*\(?\s*(?:<root>|<home>)<end>",
            r"<word>(?:rd|rmdir)\s+/s|<word>del<more>/s<more>[a-z]:|remove-item<more>-rec[a-z]*<more>[a-z]:",
        ],
    ),
    (
        "fork_bomb",
        &[
            r":\s*\(\s*\)\s*\{\s*:\s*\|\s*:?\s*&",
            r"[\w.:]+\s*\(\s*\)\s*\{\s*[\w.:]+\s*\|\s*[\w.:]+\s*&",
            r"fork\s+while\s+fork|while\s*\(?\s*(?:1|true)[^\n]*fork\s*\(|%0\s*\|\s*%0|\$0\s*(?:\|\s*\$0\s*)?&\s*(?:\$0|done)",
        ],
    ),
    (
        "block_device",
        &[
            r"(?:>|\bof=|<word>tee\s(?:-\S+\s)*|<word>(?:shred|wipefs|blkdiscard|mkswap|fdisk|sfdisk|parted|cp|cat)<more>)\s*/dev/(?:[shv]d[a-z]|xvd|nvme|mmcblk|disk|dm-|mapper/|md\d|loop\d|k?mem\b|port\b)",
            r"<word>mk(?:fs(?:\.\w+)?|e2fs)\s+[-/]",
            r"<word>format\s+[a-z]:\s*(?:/|[;&|\n]|$)|<word>diskpart\s+/s|clear-disk\b|format-volume\b",
        ],
    ),
    (
        "download_into_shell",
        &[
            r"\b(?:curl|wget|fetch|aria2c|lynx)\b[^\n]*\|\s*<shell>",
            r"\b(?:curl|wget)\b[^;&\n]*\.sh\b[^;&\n]*(?:&&|[;\n])\s*(?:sudo\s+)?(?:\S*/)?(?:(?:ba|z|da)?sh\s|chmod\s+\S*(?:x|7)|source\s|\.{1,2}/|\.\s)",
            r"(?:sh|source|\.|python[\d.]*|perl|ruby)\s+(?:-\S+\s+)*<\(\s*(?:curl|wget|fetch)\b",
            r"(?:sh\s+(?:-\S+\s+)*-[a-z]*c|python[\d.]*\s+-c|perl\s+-e|ruby\s+-e|eval|<<<)\s*(?:\$\(|`)\s*(?:curl|wget|fetch)\b",
            r"\b(?:iwr|irm|curl|invoke-webrequest|invoke-restmethod|downloadstring)\b[^\n]*\|\s*(?:iex|invoke-expression)\b",
            r"\b(?:iex|invoke-expression)\b[^\n]*(?:downloadstring|net\.webclient|\b(?:iwr|irm|invoke-webrequest|invoke-restmethod)\b)",
            r"certutil(?:\.exe)?\s[^\n]*-urlcache|mshta(?:\.exe)?\s+(?:https?|javascript|vbscript):",
        ],
    ),
    (
        "secret_file",
        &[
            r"/etc/+(?:\./+)*(?:passwd|shadow|gshadow|sudoers|master\.passwd|security/opasswd)\b",
            r"/etc/+\S*[*?\[]\S*(?:swd|adow)|/etc/+(?:pass|shad|sudo|gshad)\S*[*?\[]|/etc/+[ps][*?\[]",
            r"\.ssh/(?:\*|authorized_keys)|/ssh_host_\w+_key<end>",
            r"<word>(?:cat|tac|nl|less|more|head|tail|cp|mv|ln|curl|wget|ncat|nc|base64|xxd|od|hexdump|strings|tar|zip|gzip|dd|tee|sed|awk|grep|cut|sort|rev|vim?|nano|echo|printf|openssl|rm)<more>\S*/?(?:\.ssh/)?id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?<end>",
            r"(?:[<>@=]\s*|<word>(?:scp|rsync|sftp)(?:\s+-[^i]\S*)*\s+)\S*id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?<end>",
            r"\.aws/credentials|\.gnupg/(?:private|secring)|\.docker/config\.json|\.kube/config\b|/proc/(?:self|\d+|\*)/environ|\.pgpass\b|\.netrc\b|ntds\.dit\b|system32[/\\]config[/\\]sam\b",
        ],
    ),
    (
        "privilege_escalation",
        &[
            r"<start>(?-i:sudo|SUDO|doas|pkexec|runuser)\s+\S",
            r"<start>(?-i:su)(?:\s+(?:-|root\b|[a-z_][\w-]*\s+-c)|\s*(?:[;&|\n]|$))",
            r"<word>ch(?:mod)<more>(?:[ugoa]*\+[rwx]*s|[4-7][0-7]{3})\s|<word>setcap\s+\S*cap_",
            r"<word>(?:usermod|gpasswd|adduser)<more>(?:sudo|wheel|admin|docker|root)<end>|<word>useradd<more>(?:-u\s*0|--uid[\s=]0)<end>",
            r"<start>(?-i:visudo<end>|chpasswd<end>|passwd\s+root<end>)",
            r"<word>(?:docker|podman)\s+run<more>(?:--privileged|(?:-v|--volume)[\s=]/:)|<word>nsenter<more>(?:-t|--target)[\s=]*1<end>",
        ],
    ),
    (
        "reverse_shell",
        &[
            r"/dev/(?:tcp|udp)/|/inet/(?:tcp|udp)/",
            r"<word>(?:nc|ncat|netcat)(?:\.\w+)?<more>(?:-[a-z]*e[a-z]*\s|--exec\b|--sh-exec\b|-[a-z]*c[a-z]*\s+\S*sh\b)",
            r"\bmkfifo\b[^\n]*\b(?:nc|ncat|netcat|telnet|openssl)\b|\bmknod\b[^\n]*\bp\b[^\n]*\b(?:nc|telnet)\b",
            r"\|\s*(?:\S*/)?(?:ba|z|da)?sh\b[^|\n]*\|\s*(?:nc|ncat|netcat|telnet|openssl)\b|\bsocat\b[^\n]*\b(?:exec|system):",
            r"\bsocket\b[^\n]*(?:pty\.spawn|os\.dup2|dup2\(|subprocess|/bin/(?:ba)?sh)|\buse\s+socket\b[^\n]*\bexec\b|fsockopen\([^\n]*exec\(|tcpsocket[^\n]*exec|-rsocket\b|net\.sockets\.tcpclient",
        ],
    ),
    (
        "traces_removed",
        &[
            r"\bunset\s+(?:-v\s+)?hist(?:file|size|filesize|control)\b|\bhist(?:file=(?:/dev/null|\s|;|$)|(?:file)?size=0)",
            r"<word>history\s+-[a-z]*c|\bset\s+\+o\s+history\b|clear-history\b",
            r"(?:>|<word>(?:rm|shred|truncate|unlink|ln)<more>)\s*\S*\.(?:bash|zsh|sh|python)_?history\b",
            r"(?:>\s*|<word>(?:rm|shred|truncate|unlink)<more>)/var/log/?(?:\*|auth|secure|syslog|messages|audit|wtmp|btmp|lastlog|journal|\s|$)|wevtutil(?:\.exe)?\s+cl\b",
        ],
    ),
    (
        "defences_off",
        &[
            r"<word>(?:systemctl|service|rc-service)<more>(?:stop|disable|mask|kill)<more>(?:auditd|rsyslog|syslog|firewalld|ufw|iptables|nftables|apparmor|selinux|fail2ban|falco|crowdsec|osqueryd)\b|<word>service\s+(?:auditd|r?syslog|firewalld|ufw|iptables|nftables|apparmor|fail2ban)\s+stop\b",
            r"<word>ufw\s+(?:--force\s+)?(?:disable|reset)\b|<word>ip6?tables<more>(?:-F|--flush|-X)<end>|<word>ip6?tables<more>-P\s+\w+\s+ACCEPT\b|<word>nft\s+flush\b|<word>setenforce\s+(?:0|permissive)\b|<word>auditctl<more>-(?:e\s*0|D)<end>|<word>pfctl\s+-d\b",
            r"\bnetsh\s+(?:advfirewall|firewall)\b[^\n]*\b(?:off|disable)\b|\bset-mppreference\b[^\n]*-disable|<word>sc(?:\.exe)?\s+(?:stop|delete)\s+windefend",
        ],
    ),
    (
        "kill_all",
        &[
            r"<word>kill\s+(?:-s\s*\w+|-n\s*\d+|-\w+)\s+(?:--\s+)?-1<end>|<word>kill\s+--\s+-1<end>",
            r"<word>kill\s+(?:-s\s*\w+\s+|-\w+\s+)*(?:--\s+)?1\s*(?:[;&|)\n]|$)|<word>killall5\b|<word>p?kill\s+-(?:9|kill|sigkill)\s+\.\*?<end>",
            r"<start>(?:shutdown\s+(?:-|now\b|\+?\d)|(?:reboot|halt|poweroff)\s*(?:-|[;&|\n]|$)|(?:tel)?init\s+[06]<end>|systemctl\s+(?:poweroff|reboot|halt|kexec|emergency)\b)|/proc/sysrq-trigger\b",
        ],
    ),
    (
        "encoded_payload",
        &[
            r"\bbase(?:64|32)\s+(?:-\S+\s+)*?(?:-d|-di|-id|--decode)\b[^\n]*\|\s*<shell>",
            r"\b(?:openssl\s+(?:enc|base64)\b[^\n|]*-d|xxd\s+(?:-\S+\s+)*-\w*r|uudecode|rev|rot13|tr\s+\S+\s+\S+|printf\s[^|\n]*\\\\?x[0-9a-f]|echo\s+-\w*e[^|\n]*\\\\?x[0-9a-f])[^\n]*\|\s*<shell>",
            r"(?:eval|sh\s+(?:-\S+\s+)*-[a-z]*c|<<<|sh\s+<\(|source\s+<\(|\.\s+<\()\s*(?:\$\(|`)?[^\n)`]*\bbase(?:64|32)\s+(?:-\S+\s+)*(?:-d|--decode)\b",
            r"\b(?:exec|eval|system|popen)\s*\([^\n]*(?:b64decode|base64_decode|decode64|frombase64string|atob)\b",
            r"(?:powershell|pwsh)(?:\.exe)?\s[^\n]*-e(?:nc?|ncodedcommand|c)?\s+[a-z0-9+/=]{16,}",
        ],
    ),
    (
        "exfiltration",
        &[
            r"<start>(?:env|printenv|set|export(?:\s+-p)?|declare\s+-[px]+|compgen\s+-[ev])\b[^;&\n]*\|[^;&\n]*\b(?:curl|wget|nc|ncat|netcat|telnet|socat|ssh|ftp|mail|mailx|sendmail|openssl\s+s_client)\b",
            r"\b(?:curl|wget|invoke-webrequest|iwr|nc|ncat)\b[^\n]*(?:\$\(|`|<\()\s*(?:env|printenv|set|export\s+-p|cat\s+/etc/|cat\s+\S*\.env)\b",
            r"\b(?:curl|wget)\b[^\n]*(?:-d|--data[\w-]*|-F|--form|-T|--upload-file|--post-file|--body-file)[\s=]*\S*(?:@|\b-T\s+)\S*(?:/etc/|\.ssh/|\.aws/|\.env\b|\.kube/|\.gnupg)",
            r"\b(?:curl|wget)\b[^\n]*(?:-T|--upload-file|--post-file|--body-file)[\s=]*\S*(?:/etc/|\.ssh/|\.aws/|\.env\b|\.kube/|\.gnupg)",
            r"169\.254\.169\.254/\S*(?:iam|security-credentials|identity)|metadata\.google\.internal/\S*token|\$\{?AWS_SECRET_ACCESS_KEY",
            r"<word>(?:tar|zip|cat)<more>\S*(?:\.ssh|\.aws|\.gnupg|/etc|\.env)/?<more>?[^;\n]*\|[^\n]*\b(?:nc|ncat|netcat|curl|ssh|socat)\b",
        ],
    ),
];

/// Returns the default set in the format of a guard document. Part of every guard except [`Guard::empty`].
///
/// [`Guard::empty`]: super::Guard::empty
pub fn default_rules() -> Vec<GuardRule> {
    let deny: Vec<FieldPattern> = patterns().map(|pattern| FieldPattern { field: String::new(), pattern }).collect();
    let rule = |function: &&str| GuardRule {
        name: format!("default:{}", function.trim_end_matches('*')),
        executor_type: "*".to_owned(),
        function: (*function).to_owned(),
        schema: None,
        deny: deny.clone(),
        allow: Vec::new(),
    };
    FUNCTIONS.iter().map(rule).collect()
}

/// Returns `true` if the default set covers this function.
pub(super) fn is_shell_like(function: &str) -> bool {
    FUNCTIONS.iter().any(|entry| matches(entry, function))
}

/// Returns the patterns in full: each with its name as a named group, and case-insensitive.
fn patterns() -> impl Iterator<Item = String> {
    let parts = BTreeMap::from(PARTS);
    DENIED.iter().flat_map(|(name, patterns)| patterns.iter().map(move |pattern| (name, pattern))).map(
        move |(name, pattern)| {
            let mut whole = (*pattern).to_owned();
            for (letter, part) in &parts {
                whole = whole.replace(letter, part);
            }
            // ASCII word boundaries: Unicode ones are slow, and no command needs them.
            format!("(?i)(?<{name}>{})", whole.replace(r"\b", r"(?-u:\b)"))
        },
    )
}
