"""The manifests are valid for Kubernetes, and keep the rules that its schema does not know."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

Manifest = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
K8S = ROOT / "deploy/k8s"
OVERLAYS = ("base", "overlays/local", "overlays/production")
OLDEST_KUBERNETES, NEWEST_KUBERNETES = "1.30", "1.37"
SERVICES = {"incident", "dispatch", "scoring", "notify"}
PROBES = {"startupProbe": "/startup", "readinessProbe": "/ready", "livenessProbe": "/live"}
GRACEFUL_TIMEOUT_SECONDS = 20
SECRET = re.compile(r"_URL$|_PRIVATE_KEY$|PASSWORD")


def raw_files() -> list[Path]:
    return sorted(path for path in K8S.rglob("*.yaml") if path.name != "kustomization.yaml")


def manifests_in(text: str) -> list[Manifest]:
    return [manifest for manifest in yaml.safe_load_all(text) if manifest]


def render(folder: Path) -> list[Manifest]:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl renders the overlays, and this machine has none")
    done = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return manifests_in(done.stdout)


def validate_strictly(manifest: Manifest, *versions: str) -> None:
    for version in versions or (NEWEST_KUBERNETES,):
        kubernetes_validate.validate(manifest, version, strict=True)


def of_kind(manifests: list[Manifest], *kinds: str) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] in kinds]


def variables(pod: Manifest) -> Iterator[Manifest]:
    for container in pod["containers"]:
        yield from container.get("env", [])


def references(manifests: list[Manifest], kind: str) -> set[tuple[str, str]]:
    """(name, key) of everything that the pods read from Secrets or ConfigMaps."""
    workloads = of_kind(manifests, "Deployment", "StatefulSet", "Job")
    sources = [v.get("valueFrom", {}).get(kind) for w in workloads for v in variables(w["spec"]["template"]["spec"])]
    return {(source["name"], source["key"]) for source in sources if source}


def violations(manifest: Manifest) -> list[str]:
    """What a manifest with pods does against the rules of this project, in words."""
    if manifest["kind"] not in ("Deployment", "StatefulSet", "Job"):
        return []
    pod = manifest["spec"]["template"]["spec"]
    security = pod.get("securityContext", {})
    found = []
    if pod.get("automountServiceAccountToken") is not False:
        found.append("the pod gets a token of the cluster")
    if not security.get("runAsNonRoot") or not security.get("runAsUser"):
        found.append("the pod may run as root")
    if security.get("seccompProfile") != {"type": "RuntimeDefault"}:
        found.append("the pod has no seccomp profile")
    for container in pod["containers"]:
        found += container_violations(container, is_job=manifest["kind"] == "Job")
    for variable in variables(pod):
        if SECRET.search(variable["name"]) and "secretKeyRef" not in variable.get("valueFrom", {}):
            found.append(f"{variable['name']} does not come from a secret")
        if "PRIVATE_KEY" in str(variable) and manifest["metadata"]["name"] != "notify":
            found.append("only notify may read the private key")
    if manifest["kind"] == "Deployment":
        found += roll_out_violations(manifest)
    return found


def container_violations(container: Manifest, is_job: bool) -> list[str]:
    security, resources = container.get("securityContext", {}), container.get("resources", {})
    found = []
    if security.get("allowPrivilegeEscalation") is not False:
        found.append("the container may gain privileges")
    if security.get("readOnlyRootFilesystem") is not True:
        found.append("the container may write to its image")
    if security.get("capabilities") != {"drop": ["ALL"]} or security.get("privileged"):
        found.append("the container keeps capabilities")
    if "memory" not in resources.get("limits", {}) or {"cpu", "memory"} - resources.get("requests", {}).keys():
        found.append("the container has no requests or limits")
    if not is_job and PROBES.keys() - container.keys():
        found.append("the container lacks a probe")
    if "envFrom" in container and any("secretRef" in source for source in container["envFrom"]):
        found.append("the container reads a whole secret")
    return found


def roll_out_violations(deployment: Manifest) -> list[str]:
    spec = deployment["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    found = []
    if spec.get("strategy", {}).get("rollingUpdate") != {"maxUnavailable": 0, "maxSurge": 1}:
        found.append("a roll-out takes replicas away")
    pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    if not pause:
        found.append("the pod stops while requests still come")
    if pod.get("terminationGracePeriodSeconds", 30) <= pause + GRACEFUL_TIMEOUT_SECONDS:
        found.append("the pod is killed before its work has ended")
    if not pod.get("topologySpreadConstraints"):
        found.append("the replicas may share a node")
    if any(container.get(probe, {}).get("httpGet", {}).get("path") != path for probe, path in PROBES.items()):
        found.append("a probe asks the wrong path")
    return found


def the_deployment(name: str) -> Manifest:
    (deployment,) = of_kind(manifests_in((K8S / f"base/{name}.yaml").read_text()), "Deployment")
    return deployment


@pytest.mark.parametrize("path", raw_files(), ids=lambda path: str(path.relative_to(K8S)))
def test_every_file_is_valid_and_keeps_the_rules(path: Path) -> None:
    manifests = manifests_in(path.read_text())
    assert manifests
    for manifest in manifests:
        validate_strictly(manifest, OLDEST_KUBERNETES, NEWEST_KUBERNETES)
        assert violations(manifest) == []


@pytest.mark.parametrize("folder", OVERLAYS)
def test_every_overlay_renders_valid_manifests_that_keep_the_rules(folder: str) -> None:
    for manifest in render(K8S / folder):
        validate_strictly(manifest)
        assert violations(manifest) == []
        assert manifest["kind"] == "Namespace" or manifest["metadata"]["namespace"] == "wangge"


@pytest.mark.parametrize("path", sorted(K8S.rglob("kustomization.yaml")), ids=lambda path: path.parent.name)
def test_a_kustomization_names_exactly_the_manifests_beside_it(path: Path) -> None:
    named = {each for each in yaml.safe_load(path.read_text())["resources"] if each.endswith(".yaml")}
    assert named == {each.name for each in path.parent.glob("*.yaml")} - {"kustomization.yaml"}


def test_an_unknown_field_is_refused() -> None:
    broken = deepcopy(the_deployment("incident"))
    broken["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="readynessProbe"):
        validate_strictly(broken)


Breaker = Callable[[Manifest, Manifest], object]
BREAKERS: dict[str, Breaker] = {
    "the pod gets a token of the cluster": lambda pod, _: pod.pop("automountServiceAccountToken"),
    "the pod may run as root": lambda pod, _: pod["securityContext"].update(runAsUser=0),
    "the pod has no seccomp profile": lambda pod, _: pod["securityContext"].pop("seccompProfile"),
    "the container may gain privileges": lambda _, c: c["securityContext"].pop("allowPrivilegeEscalation"),
    "the container may write to its image": lambda _, c: c["securityContext"].pop("readOnlyRootFilesystem"),
    "the container keeps capabilities": lambda _, c: c["securityContext"]["capabilities"].update(add=["SYS_TIME"]),
    "the container has no requests or limits": lambda _, c: c["resources"].pop("limits"),
    "the container lacks a probe": lambda _, c: c.pop("livenessProbe"),
    "the container reads a whole secret": lambda _, c: c["envFrom"].append({"secretRef": {"name": "wangge-notify"}}),
    "WANGGE_NATS_URL does not come from a secret": lambda _, c: c["env"].append(
        {"name": "WANGGE_NATS_URL", "value": "nats://nats:4222"}
    ),
    "only notify may read the private key": lambda _, c: c["env"].extend(
        the_deployment("notify")["spec"]["template"]["spec"]["containers"][0]["env"]
    ),
    "the pod stops while requests still come": lambda _, c: c.pop("lifecycle"),
    "the pod is killed before its work has ended": lambda pod, _: (
        pod.pop("terminationGracePeriodSeconds") and pod.update(terminationGracePeriodSeconds=25)
    ),
    "the replicas may share a node": lambda pod, _: pod.pop("topologySpreadConstraints"),
    "a probe asks the wrong path": lambda _, c: c["livenessProbe"]["httpGet"].update(path="/ready"),
}


@pytest.mark.parametrize("violation", BREAKERS)
def test_a_planted_violation_is_found(violation: str) -> None:
    broken = the_deployment("incident")
    pod = broken["spec"]["template"]["spec"]
    BREAKERS[violation](pod, pod["containers"][0])
    assert violation in violations(broken)


def test_a_planted_roll_out_that_takes_replicas_away_is_found() -> None:
    broken = the_deployment("incident")
    broken["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] = 1
    assert violations(broken) == ["a roll-out takes replicas away"]


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_what_selects_a_service_selects_the_pods_of_its_deployment(service: str) -> None:
    manifests = manifests_in((K8S / f"base/{service}.yaml").read_text())
    (deployment,) = of_kind(manifests, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    for manifest in of_kind(manifests, "Service", "PodDisruptionBudget", "Deployment"):
        selector = manifest["spec"]["selector"]
        assert selector.get("matchLabels", selector) == labels
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["serve", service]


def test_the_local_overlay_brings_every_value_that_its_pods_read() -> None:
    manifests = render(K8S / "overlays/local")
    for kind, source in (("Secret", "secretKeyRef"), ("ConfigMap", "configMapKeyRef")):
        brought = {(m["metadata"]["name"], key) for m in of_kind(manifests, kind) for key in m["data"]}
        assert references(manifests, source) <= brought


def test_production_brings_no_secret_and_the_operators_page_names_each_one() -> None:
    manifests = render(K8S / "overlays/production")
    assert of_kind(manifests, "Secret") == []
    page = (ROOT / "docs/kubernetes.md").read_text()
    for name, key in references(manifests, "secretKeyRef") | references(manifests, "configMapKeyRef"):
        assert f"`{name}`" in page
        assert f"`{key}`" in page


def test_in_production_a_stream_has_a_copy_on_each_of_three_nodes_whoever_makes_it() -> None:
    manifests = render(K8S / "overlays/production")
    [settings] = [m["data"] for m in of_kind(manifests, "ConfigMap") if m["metadata"]["name"].startswith("wangge")]
    assert settings["WANGGE_STREAM_REPLICAS"] == "3"
    for made in (*of_kind(manifests, "Deployment"), *(j for j in of_kind(manifests, "Job") if "topology" in str(j))):
        [container] = made["spec"]["template"]["spec"]["containers"]
        assert any(each.get("configMapRef", {}).get("name", "").startswith("wangge") for each in container["envFrom"])


def test_only_the_residents_paths_of_incident_are_open_to_the_outside() -> None:
    manifests = [m for path in raw_files() for m in manifests_in(path.read_text())]
    (ingress,) = of_kind(manifests, "Ingress")
    (rule,) = ingress["spec"]["rules"]
    opened = {(path["path"], path["backend"]["service"]["name"]) for path in rule["http"]["paths"]}
    assert opened == {("/v1/reports", "incident"), ("/v1/track", "incident")}
    assert "defaultBackend" not in ingress["spec"]
    assert {service["spec"].get("type", "ClusterIP") for service in of_kind(manifests, "Service")} == {"ClusterIP"}


def test_pods_reach_nothing_but_what_their_work_needs() -> None:
    policies = of_kind(manifests_in((K8S / "base/network-policy.yaml").read_text()), "NetworkPolicy")
    reach: dict[int, set[str]] = {}
    for policy in policies:
        selector = policy["spec"]["podSelector"]
        pods = {each for some in selector.get("matchExpressions", []) for each in some["values"]}
        pods |= set(selector.get("matchLabels", {}).values())
        for rule in policy["spec"].get("egress", []):
            for port in rule["ports"]:
                reach.setdefault(port["port"], set()).update(pods or {"every pod"})
    mail = {port: {"notify"} for port in (25, 465, 587)}
    assert reach == {53: {"every pod"}, 4222: SERVICES | {"topology"}, 5432: SERVICES | {"migrate"}, **mail}
    assert {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} in [policy["spec"] for policy in policies]


def test_in_production_the_autoscaler_alone_counts_the_replicas_of_what_it_scales() -> None:
    manifests = render(K8S / "overlays/production")
    scaled = {m["spec"]["scaleTargetRef"]["name"] for m in of_kind(manifests, "HorizontalPodAutoscaler")}
    counted = {m["metadata"]["name"]: m["spec"].get("replicas") for m in of_kind(manifests, "Deployment")}
    assert counted == {name: None if name in scaled else 3 for name in SERVICES}


def test_tracing_can_be_added_to_an_overlay(tmp_path: Path) -> None:
    folder = tmp_path / "k8s"
    shutil.copytree(K8S, folder)
    path = folder / "overlays/production/kustomization.yaml"
    path.write_text(path.read_text() + "components: [../../components/tracing]\n")
    manifests = render(path.parent)
    (config,) = [m for m in of_kind(manifests, "ConfigMap") if m["metadata"]["name"] == "wangge"]
    assert "WANGGE_OTLP_ENDPOINT" in config["data"]


def test_the_pods_run_as_the_user_of_the_image() -> None:
    user = re.search(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert user
    for service in SERVICES:
        security = the_deployment(service)["spec"]["template"]["spec"]["securityContext"]
        assert (security["runAsUser"], security["runAsGroup"]) == (int(user[1]), int(user[2]))
