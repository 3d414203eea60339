//! The paths of all gRPC methods, from the descriptors.

use apiary_proto::DESCRIPTORS;
use prost::Message as _;
use prost_types::FileDescriptorSet;

use crate::StartError;

/// Returns each method as `/package.Service/Method`.
pub(super) fn methods() -> Result<Vec<String>, StartError> {
    let set = FileDescriptorSet::decode(DESCRIPTORS)
        .map_err(|error| StartError::Setting { setting: "reflection", problem: error.to_string() })?;
    let mut paths = Vec::new();
    for file in &set.file {
        for service in &file.service {
            let service_path = format!("/{}.{}", file.package(), service.name());
            paths.extend(service.method.iter().map(|method| format!("{service_path}/{}", method.name())));
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_of_the_broker_and_of_its_health_are_known() {
        let methods = methods().unwrap();
        for path in ["/apiary.v1.ProcessService/Submit", "/grpc.health.v1.Health/Watch"] {
            assert!(methods.iter().any(|method| method == path), "{path}");
        }
    }
}
