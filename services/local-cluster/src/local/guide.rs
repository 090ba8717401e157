//! What listens where, and what to try.

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use api::Callers;

use crate::{run, seed};

/// What to tell the person who started it.
#[derive(Debug)]
pub(super) struct Guide {
    kubernetes: SocketAddr,
    kubeconfig: PathBuf,
    data_store_kubeconfig: PathBuf,
    api_token: PathBuf,
    services: Option<Services>,
}

#[derive(Debug)]
struct Services {
    data_store: SocketAddr,
    data_store_admin: SocketAddr,
    second_data_store: Option<(SocketAddr, SocketAddr)>,
    api: SocketAddr,
    api_admin: SocketAddr,
    callers: Callers,
}

// === impl Guide ===

impl Guide {
    pub(super) fn new(cluster: &run::Bound) -> Self {
        let paths = cluster.paths();
        Self {
            kubernetes: cluster.address(),
            kubeconfig: near(&paths.admin_kubeconfig()),
            data_store_kubeconfig: near(&paths.data_store_kubeconfig()),
            api_token: near(&paths.api_token()),
            services: None,
        }
    }

    pub(super) fn add_services(
        &mut self,
        data_store: &runtime::Bound,
        second_data_store: Option<&runtime::Bound>,
        api: &runtime::Bound,
        callers: Callers,
    ) {
        self.services = Some(Services {
            data_store: data_store.addr(),
            data_store_admin: data_store.admin_addr(),
            second_data_store: second_data_store.map(|second| (second.addr(), second.admin_addr())),
            api: api.addr(),
            api_admin: api.admin_addr(),
            callers,
        });
    }
}

impl fmt::Display for Guide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kubernetes,
            kubeconfig,
            data_store_kubeconfig,
            api_token,
            services,
        } = self;
        let (kubeconfig, audience) = (kubeconfig.display(), seed::AUDIENCE);
        let Some(Services {
            data_store,
            data_store_admin,
            second_data_store,
            api,
            api_admin,
            callers,
        }) = services
        else {
            return write!(
                f,
                "
  Kubernetes API   https://{kubernetes}   kubectl --kubeconfig {kubeconfig} get pods -A

Start the services against it, each in a terminal of its own:

  KUBECONFIG={} cargo run --bin data-store -- --audience {audience} --allow api/api
  cargo run --bin api -- --token-path {}

Stop with Ctrl-C.",
                data_store_kubeconfig.display(),
                api_token.display(),
            );
        };
        let proof = match callers {
            Callers::Anonymous => String::new(),
            Callers::Token => format!(
                " -H \"authorization: Bearer $(kubectl --kubeconfig {kubeconfig} create token default --audience api)\""
            ),
        };
        write!(
            f,
            "
  api              http://{api}    HTTP and gRPC; probes on http://{api_admin}/readyz
  data store       {data_store}           gRPC; probes on http://{data_store_admin}/readyz"
        )?;
        if let Some((second, admin)) = second_data_store {
            write!(
                f,
                "
  a second one     {second}           on the same storage; probes on http://{admin}/readyz"
            )?;
        }
        write!(
            f,
            "
  Kubernetes API   https://{kubernetes}   kubectl --kubeconfig {kubeconfig} get pods -A
  the api's token  {}

Try:

  curl{proof} http://{api}/
  curl{proof} -X PUT http://{api}/v1/records/greeting -H 'content-type: text/plain' --data 'hi there'
  curl{proof} http://{api}/v1/records/greeting
  curl{proof} -N 'http://{api}/v1/records:watch?start_revision=1'
  grpcurl -plaintext {data_store} datastore.v1.DataStore/Greet
  grpcurl -plaintext -H \"authorization: Bearer $(kubectl --kubeconfig {kubeconfig} create token api -n api --audience {audience})\" {data_store} datastore.v1.DataStore/Greet

Start it with --fault NAME to see what happens when Kubernetes fails; --fault help lists the names.
Stop with Ctrl-C.",
            api_token.display(),
        )
    }
}

/// As short as it can be written from here.
fn near(path: &Path) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).to_owned()
}
