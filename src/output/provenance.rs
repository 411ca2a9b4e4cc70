//! What this pgflow was built from and runs on.

use super::Digest;
use serde::Deserialize;
use std::collections::BTreeMap;

const LOCK: &str = include_str!("../../Cargo.lock");
const MANIFEST: &str = include_str!("../../Cargo.toml");

#[derive(Deserialize)]
struct CargoManifest {
    dependencies: BTreeMap<String, toml::Value>,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    #[serde(default)]
    dependencies: Vec<String>,
}

/// The versions of pgflow's direct dependencies that `Cargo.lock` fixes. Those they depend on are fixed by [`lock_digest`].
pub fn dependency_versions() -> BTreeMap<String, String> {
    let packages = toml::from_str::<Lock>(LOCK).map(|lock| lock.package).unwrap_or_default();
    let own = packages.iter().find(|package| package.name == env!("CARGO_PKG_NAME"));
    let direct = own.map(|package| package.dependencies.as_slice()).unwrap_or_default();
    // The lock file does not tell what only the tests need.
    let needed = toml::from_str::<CargoManifest>(MANIFEST).map(|manifest| manifest.dependencies).unwrap_or_default();
    let version = |entry: &str| {
        // An entry is "name", or "name version" where the tree holds several versions.
        let mut words = entry.split(' ');
        let name = words.next()?;
        let version = match words.next() {
            Some(version) => version.to_owned(),
            None => packages.iter().find(|package| package.name == name)?.version.clone(),
        };
        Some((name.to_owned(), version))
    };
    direct.iter().filter_map(|entry| version(entry)).filter(|(name, _)| needed.contains_key(name)).collect()
}

/// SHA-256 of the `Cargo.lock` that this was built with.
pub fn lock_digest() -> Digest {
    Digest::of(LOCK)
}

/// The commit that this was compiled from, with `-modified` if the sources differed from it; `None` outside pgflow's repository.
pub fn git_commit() -> Option<&'static str> {
    option_env!("PGFLOW_GIT_COMMIT")
}

/// The vector extensions of this machine that numerical kernels choose by; results may differ in the last bits where these differ.
pub fn cpu_features() -> Vec<String> {
    let mut features: Vec<&str> = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        let detected = [
            ("sse4.2", is_x86_feature_detected!("sse4.2")),
            ("avx", is_x86_feature_detected!("avx")),
            ("avx2", is_x86_feature_detected!("avx2")),
            ("fma", is_x86_feature_detected!("fma")),
            ("avx512f", is_x86_feature_detected!("avx512f")),
        ];
        features.extend(detected.iter().filter(|(_, present)| *present).map(|(name, _)| *name));
    }
    #[cfg(target_arch = "aarch64")]
    features.push("neon");
    features.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_of_the_lock_file() {
        let versions = dependency_versions();
        assert!(versions["faer"].starts_with("0.24."), "{versions:?}");
        // Two versions of sha2 are in the tree; the direct one is the later.
        assert!(versions["sha2"].starts_with("0.11."), "{versions:?}");
        assert!(!versions.contains_key("pgflow"));
    }

    #[test]
    fn commit_is_hexadecimal_if_known() {
        if let Some(commit) = git_commit() {
            let digits = commit.trim_end_matches("-modified");
            assert!(digits.len() >= 40 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()), "{commit}");
        }
    }
}
