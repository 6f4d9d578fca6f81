//! The planner.

use super::{Plan, Rules, Scene};

/// Says what to do next about a scene.
pub fn plan(scene: &Scene, rules: &Rules<'_>) -> Plan {
    let _ = (scene, rules);
    Plan::default()
}
