//! How long from the start of the process to the first answer?

use crate::server::{Server, data_folder};
use crate::table;

const ROUNDS: usize = 5;

pub(crate) async fn measure() {
    let (mut cold, mut warm, mut stop) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let data = data_folder();
        for times in [&mut cold, &mut warm] {
            let (server, took) = Server::start(data.path(), &[]).await;
            times.push(took.as_secs_f64() * 1e3);
            let asked = std::time::Instant::now();
            server.stop().await;
            stop.push(asked.elapsed().as_secs_f64() * 1e3);
        }
    }
    table::heading("start", "from process start to the first query answered, with the Postgres that comes with it");
    table::line("cold: initdb, Postgres, migrations, serve (ms)", &cold);
    table::line("warm: Postgres, serve (ms)", &warm);
    table::line("stop in order (ms)", &stop);
}
